package shop;

import io.github.resilience4j.circuitbreaker.CircuitBreaker;
import io.github.resilience4j.circuitbreaker.CircuitBreakerRegistry;
import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.web.servlet.context.ServletWebServerApplicationContext;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;
import org.springframework.web.servlet.config.annotation.ViewControllerRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/** A service of Spring Boot whose calls go through resilience4j's circuit breakers; Micrometer and the actuator show them. */
@SpringBootApplication
@RestController
public class Service implements WebMvcConfigurer {
  private final String name;
  private final Knob knob;
  private final List<Call> calls = new ArrayList<>();

  private record Call(String callee, URI url, CircuitBreaker breaker) {}

  private final RestClient client;

  Service(@Value("${name:resilience4j}") String name, @Value("${call:}") List<String> calls, Knob knob,
      CircuitBreakerRegistry breakers, RestClient.Builder client) {
    this.name = name;
    this.knob = knob;
    this.client = client.build();
    for (String call : calls) {
      String[] parts = call.split("=", 2);
      this.calls.add(new Call(parts[0], URI.create(parts[1]), breakers.circuitBreaker(parts[0])));
    }
  }

  public static void main(String[] arguments) {
    String listen = "127.0.0.1:0";
    String name = "resilience4j";
    for (String argument : arguments) {
      listen = argument.startsWith("--listen=") ? argument.substring("--listen=".length()) : listen;
      name = argument.startsWith("--name=") ? argument.substring("--name=".length()) : name;
    }
    String[] address = listen.split(":", 2);
    SpringApplication application = new SpringApplication(Service.class);
    application.setDefaultProperties(
        Map.of("server.address", address[0], "server.port", address[1], "spring.application.name", name));
    var context = (ServletWebServerApplicationContext) application.run(arguments);
    System.out.printf("ready service=%s http=%s:%d%n", name, address[0], context.getWebServer().getPort());
  }

  @GetMapping("/")
  ResponseEntity<Map<String, String>> visit() throws InterruptedException {
    if (!knob.take()) {
      return answer(HttpStatus.SERVICE_UNAVAILABLE, Knob.FAILED);
    }
    List<String> failed = new ArrayList<>();
    for (Call call : calls) {
      try {
        call.breaker.executeRunnable(() -> client.get().uri(call.url).retrieve().toBodilessEntity());
      } catch (RuntimeException error) {
        failed.add(call.callee + ": " + error.getMessage());
      }
    }
    return failed.isEmpty()
        ? ResponseEntity.ok(Map.of("service", name))
        : answer(HttpStatus.BAD_GATEWAY, String.join("\n", failed));
  }

  private ResponseEntity<Map<String, String>> answer(HttpStatus status, String error) {
    return ResponseEntity.status(status).body(Map.of("service", name, "error", error));
  }

  /** The same series as at the actuator's own path. */
  @Override
  public void addViewControllers(ViewControllerRegistry registry) {
    registry.addViewController("/metrics").setViewName("forward:/actuator/prometheus");
  }
}
