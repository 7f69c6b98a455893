package shop;

import com.alibaba.csp.sentinel.Entry;
import com.alibaba.csp.sentinel.EntryType;
import com.alibaba.csp.sentinel.SphU;
import com.alibaba.csp.sentinel.Tracer;
import com.alibaba.csp.sentinel.init.InitExecutor;
import com.alibaba.csp.sentinel.slots.block.BlockException;
import com.alibaba.csp.sentinel.slots.block.RuleConstant;
import com.alibaba.csp.sentinel.slots.block.degrade.DegradeRule;
import com.alibaba.csp.sentinel.slots.block.degrade.DegradeRuleManager;
import com.alibaba.csp.sentinel.slots.block.degrade.circuitbreaker.CircuitBreaker.State;
import com.alibaba.csp.sentinel.slots.block.degrade.circuitbreaker.EventObserverRegistry;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;

/** A service of Alibaba's Sentinel, with its command API. */
public class Service {
  private static final int TIMEOUT_MS = 2_000;

  private record Callee(String name, URI url) {}

  private static String name = "sentinel";
  private static final List<Callee> callees = new ArrayList<>();
  private static final Knob knob = new Knob();
  /** As the breakers themselves tell it; Sentinel's commands do not. */
  private static final Map<String, State> states = new ConcurrentHashMap<>();

  public static void main(String[] arguments) throws Exception {
    String[] listen = {"127.0.0.1", "0"};
    for (String argument : arguments) {
      String[] option = argument.split("=", 2);
      switch (option[0]) {
        case "--name" -> name = option[1];
        case "--listen" -> listen = option[1].split(":", 2);
        case "--listen-rpc" -> Commands.listen = option[1].split(":", 2);
        case "--call" -> {
          String[] call = option[1].split("=", 2);
          callees.add(new Callee(call[0], URI.create(call[1])));
        }
        default -> throw new IllegalArgumentException(argument);
      }
    }
    System.setProperty("project.name", name);
    // Beside what it runs in, not in the home of whoever runs it.
    System.setProperty("csp.sentinel.log.dir", "data");
    InitExecutor.doInit();
    List<DegradeRule> rules = new ArrayList<>();
    for (Callee callee : callees) {
      states.put(callee.name, State.CLOSED);
      rules.add(new DegradeRule(callee.name).setGrade(RuleConstant.DEGRADE_GRADE_EXCEPTION_RATIO).setCount(0.49)
          .setMinRequestAmount(4).setStatIntervalMs(1_000).setTimeWindow(1));
    }
    DegradeRuleManager.loadRules(rules);
    EventObserverRegistry.getInstance().addStateChangeObserver("states",
        (before, now, rule, measured) -> states.put(rule.getResource(), now));

    HttpServer server = HttpServer.create(new InetSocketAddress(listen[0], Integer.parseInt(listen[1])), 100);
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/", Service::visit);
    server.createContext("/knob", knob::answer);
    server.createContext("/health", exchange ->
        send(exchange, knob.isOut() ? 503 : 200, "text/plain", knob.isOut() ? Knob.FAILED : "ok"));
    server.createContext("/metrics", Service::metrics);
    server.start();
    System.out.printf("ready service=%s http=%s:%d rpc=%s:%d%n", name, listen[0], server.getAddress().getPort(),
        Commands.listen[0], Commands.server.getLocalPort());
  }

  private static void visit(HttpExchange exchange) throws IOException {
    int status = 200;
    List<String> failed = new ArrayList<>();
    if (!knob.take()) {
      status = 503;
      failed.add(Knob.FAILED);
    } else {
      for (Callee callee : callees) {
        try {
          guarded(callee);
        } catch (IOException | BlockException error) {
          status = 502;
          failed.add(callee.name + ": " + error);
        }
      }
    }
    String error = failed.isEmpty() ? "" : ",\"error\":\"" + String.join("; ", failed).replace("\"", "'") + "\"";
    send(exchange, status, "application/json", "{\"service\":\"" + name + "\"" + error + "}\n");
  }

  private static void guarded(Callee callee) throws IOException, BlockException {
    Entry entry = SphU.entry(callee.name, EntryType.OUT);
    try {
      call(callee);
    } catch (IOException error) {
      Tracer.traceEntry(error, entry);
      throw error;
    } finally {
      entry.exit();
    }
  }

  private static void call(Callee callee) throws IOException {
    HttpURLConnection connection = (HttpURLConnection) callee.url.toURL().openConnection();
    connection.setConnectTimeout(TIMEOUT_MS);
    connection.setReadTimeout(TIMEOUT_MS);
    if (connection.getResponseCode() >= 500) {
      throw new IOException("status " + connection.getResponseCode());
    }
    connection.getInputStream().readAllBytes();
  }

  /** Its own: Sentinel shows none by itself. */
  private static void metrics(HttpExchange exchange) throws IOException {
    StringBuilder text = new StringBuilder("# TYPE shop_sentinel_state gauge\n");
    states.forEach((callee, state) -> {
      int code = switch (state) {
        case CLOSED -> 0;
        case HALF_OPEN -> 1;
        case OPEN -> 2;
      };
      text.append("shop_sentinel_state{resource=\"").append(callee).append("\"} ").append(code).append('\n');
    });
    send(exchange, 200, "text/plain; version=0.0.4", text.toString());
  }

  static void send(HttpExchange exchange, int status, String type, String text) throws IOException {
    byte[] body = text.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", type);
    exchange.sendResponseHeaders(status, body.length);
    try (OutputStream out = exchange.getResponseBody()) {
      out.write(body);
    }
  }
}
