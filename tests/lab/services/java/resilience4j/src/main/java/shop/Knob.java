package shop;

import java.util.Map;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Makes the service fail and slow. */
@RestController
class Knob {
  static final String FAILED = "out of order";

  private double fail;
  private int delayMs;
  /** The share of failures that is due; the next answer fails when it reaches one. */
  private double due;

  /** Waits as long as the knob says; whether the work succeeded. */
  boolean take() throws InterruptedException {
    int delay;
    boolean fails;
    synchronized (this) {
      delay = delayMs;
      due += fail;
      // A little less than one: the sum of tenths is not exact.
      fails = due > 1 - 1e-9;
      due -= fails ? 1 : 0;
    }
    Thread.sleep(delay);
    return !fails;
  }

  @GetMapping("/knob")
  synchronized Map<String, Object> show() {
    return Map.of("fail", fail, "delay_ms", delayMs);
  }

  @PostMapping("/knob")
  synchronized ResponseEntity<?> turn(
      @RequestParam(name = "fail", defaultValue = "0") double wanted,
      @RequestParam(name = "delay_ms", defaultValue = "0") int delay) {
    if (!(wanted >= 0 && wanted <= 1) || delay < 0 || delay > 65_535) {
      return ResponseEntity.badRequest().body("fail is a share from 0 to 1, delay_ms up to 65535");
    }
    fail = wanted;
    delayMs = delay;
    due = 0;
    return ResponseEntity.ok(show());
  }

  @GetMapping("/health")
  synchronized ResponseEntity<String> health() {
    return fail >= 1 ? ResponseEntity.status(503).body(FAILED + "\n") : ResponseEntity.ok("ok\n");
  }
}
