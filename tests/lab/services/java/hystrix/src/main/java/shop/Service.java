package shop;

import com.netflix.hystrix.HystrixCommand;
import com.netflix.hystrix.HystrixCommandGroupKey;
import com.netflix.hystrix.HystrixCommandKey;
import com.netflix.hystrix.HystrixCommandProperties;
import com.netflix.hystrix.contrib.metrics.eventstream.HystrixMetricsStreamServlet;
import com.netflix.hystrix.strategy.HystrixPlugins;
import com.netflix.hystrix.strategy.metrics.HystrixMetricsPublisherDefault;
import io.micrometer.core.instrument.binder.hystrix.HystrixMetricsBinder;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.servlet.ServletContextHandler;
import org.eclipse.jetty.servlet.ServletHolder;

/** A service of Netflix' Hystrix, with its event stream. */
public class Service {
  private static final int TIMEOUT_MS = 2_000;

  private record Callee(String name, URI url) {}

  /** One call. There is no half-open: an open circuit lets one try through after its sleep. */
  private static final class Call extends HystrixCommand<Void> {
    private final Callee callee;

    Call(String service, Callee callee) {
      super(Setter.withGroupKey(HystrixCommandGroupKey.Factory.asKey(service))
          .andCommandKey(HystrixCommandKey.Factory.asKey(callee.name))
          .andCommandPropertiesDefaults(HystrixCommandProperties.Setter()
              .withCircuitBreakerRequestVolumeThreshold(4)
              .withCircuitBreakerErrorThresholdPercentage(50)
              .withCircuitBreakerSleepWindowInMilliseconds(1_000)
              .withMetricsRollingStatisticalWindowInMilliseconds(2_000)
              .withMetricsRollingStatisticalWindowBuckets(10)
              .withMetricsHealthSnapshotIntervalInMilliseconds(100)
              .withExecutionTimeoutInMilliseconds(TIMEOUT_MS)));
      this.callee = callee;
    }

    @Override
    protected Void run() throws IOException {
      HttpURLConnection connection = (HttpURLConnection) callee.url.toURL().openConnection();
      connection.setConnectTimeout(TIMEOUT_MS);
      connection.setReadTimeout(TIMEOUT_MS);
      if (connection.getResponseCode() >= 500) {
        throw new IOException("status " + connection.getResponseCode());
      }
      connection.getInputStream().readAllBytes();
      return null;
    }
  }

  public static void main(String[] arguments) throws Exception {
    String name = "hystrix";
    String[] listen = {"127.0.0.1", "0"};
    List<Callee> callees = new ArrayList<>();
    for (String argument : arguments) {
      String[] option = argument.split("=", 2);
      switch (option[0]) {
        case "--name" -> name = option[1];
        case "--listen" -> listen = option[1].split(":", 2);
        case "--call" -> {
          String[] call = option[1].split("=", 2);
          callees.add(new Callee(call[0], URI.create(call[1])));
        }
        default -> throw new IllegalArgumentException(argument);
      }
    }
    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost(listen[0]);
    connector.setPort(Integer.parseInt(listen[1]));
    server.addConnector(connector);

    PrometheusMeterRegistry metrics = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    HystrixPlugins.getInstance().registerMetricsPublisher(HystrixMetricsPublisherDefault.getInstance());
    new HystrixMetricsBinder().bindTo(metrics);
    Knob knob = new Knob();
    ServletContextHandler paths = new ServletContextHandler(server, "/");
    paths.addServlet(new ServletHolder(visits(name, callees, knob)), "");
    paths.addServlet(new ServletHolder(knob), "/knob");
    paths.addServlet(new ServletHolder(knob.health()), "/health");
    paths.addServlet(HystrixMetricsStreamServlet.class, "/hystrix.stream");
    paths.addServlet(new ServletHolder(text(metrics)), "/metrics");
    server.start();
    System.out.printf("ready service=%s http=%s:%d%n", name, listen[0], connector.getLocalPort());
    server.join();
  }

  private static HttpServlet visits(String service, List<Callee> callees, Knob knob) {
    return new HttpServlet() {
      @Override
      protected void doGet(HttpServletRequest request, HttpServletResponse answer) throws IOException {
        answer.setContentType("application/json");
        List<String> failed = new ArrayList<>();
        if (!knob.take()) {
          answer.setStatus(503);
          failed.add(Knob.FAILED);
        } else {
          for (Callee callee : callees) {
            try {
              new Call(service, callee).execute();
            } catch (RuntimeException error) {
              answer.setStatus(502);
              failed.add(callee.name + ": " + error.getMessage());
            }
          }
        }
        String error = failed.isEmpty() ? "" : ",\"error\":\"" + String.join("; ", failed).replace("\"", "'") + "\"";
        answer.getWriter().println("{\"service\":\"" + service + "\"" + error + "}");
      }
    };
  }

  private static HttpServlet text(PrometheusMeterRegistry metrics) {
    return new HttpServlet() {
      @Override
      protected void doGet(HttpServletRequest request, HttpServletResponse answer) throws IOException {
        answer.setContentType("text/plain; version=0.0.4");
        answer.getWriter().print(metrics.scrape());
      }
    };
  }
}
