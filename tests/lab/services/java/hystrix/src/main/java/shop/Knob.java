package shop;

import java.io.IOException;
import javax.servlet.http.HttpServlet;
import javax.servlet.http.HttpServletRequest;
import javax.servlet.http.HttpServletResponse;

/** Makes the service fail and slow. */
class Knob extends HttpServlet {
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

  @Override
  protected synchronized void doGet(HttpServletRequest request, HttpServletResponse answer) throws IOException {
    answer.setContentType("application/json");
    answer.getWriter().println("{\"fail\":" + fail + ",\"delay_ms\":" + delayMs + "}");
  }

  @Override
  protected synchronized void doPost(HttpServletRequest request, HttpServletResponse answer) throws IOException {
    try {
      double wanted = Double.parseDouble(orZero(request.getParameter("fail")));
      int delay = Integer.parseInt(orZero(request.getParameter("delay_ms")));
      if (!(wanted >= 0 && wanted <= 1) || delay < 0 || delay > 65_535) {
        throw new NumberFormatException("out of range");
      }
      fail = wanted;
      delayMs = delay;
      due = 0;
    } catch (NumberFormatException error) {
      answer.sendError(400, "fail is a share from 0 to 1, delay_ms up to 65535");
      return;
    }
    doGet(request, answer);
  }

  private static String orZero(String text) {
    return text == null ? "0" : text;
  }

  private synchronized boolean isOut() {
    return fail >= 1;
  }

  HttpServlet health() {
    return new HttpServlet() {
      @Override
      protected void doGet(HttpServletRequest request, HttpServletResponse answer) throws IOException {
        answer.setStatus(isOut() ? 503 : 200);
        answer.getWriter().println(isOut() ? FAILED : "ok");
      }
    };
  }
}
