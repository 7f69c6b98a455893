package shop;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** Makes the service fail and slow. */
class Knob {
  static final String FAILED = "out of order";

  private double fail;
  private int delayMs;
  /** The share of failures that is due; the next answer fails when it reaches one. */
  private double due;

  /** Waits as long as the knob says; whether the work succeeded. */
  boolean take() throws IOException {
    int delay;
    boolean fails;
    synchronized (this) {
      delay = delayMs;
      due += fail;
      // A little less than one: the sum of tenths is not exact.
      fails = due > 1 - 1e-9;
      due -= fails ? 1 : 0;
    }
    try {
      Thread.sleep(delay);
    } catch (InterruptedException interrupted) {
      throw new IOException(interrupted);
    }
    return !fails;
  }

  /** Shows it; a POST turns it before. */
  synchronized void answer(HttpExchange exchange) throws IOException {
    if (exchange.getRequestMethod().equals("POST") && !turn(exchange.getRequestURI().getQuery())) {
      Service.send(exchange, 400, "text/plain", "fail is a share from 0 to 1, delay_ms up to 65535\n");
      return;
    }
    Service.send(exchange, 200, "application/json", "{\"fail\":" + fail + ",\"delay_ms\":" + delayMs + "}\n");
  }

  private boolean turn(String query) {
    Map<String, String> asked = new HashMap<>();
    for (String pair : query == null ? new String[0] : query.split("&")) {
      String[] parts = pair.split("=", 2);
      asked.put(parts[0], parts.length == 2 ? parts[1] : "");
    }
    try {
      double wanted = Double.parseDouble(asked.getOrDefault("fail", "0"));
      int delay = Integer.parseInt(asked.getOrDefault("delay_ms", "0"));
      if (!(wanted >= 0 && wanted <= 1) || delay < 0 || delay > 65_535) {
        return false;
      }
      fail = wanted;
      delayMs = delay;
      due = 0;
      return true;
    } catch (NumberFormatException error) {
      return false;
    }
  }

  synchronized boolean isOut() {
    return fail >= 1;
  }
}
