package shop;

import com.alibaba.csp.sentinel.command.CommandHandlerProvider;
import com.alibaba.csp.sentinel.spi.Spi;
import com.alibaba.csp.sentinel.transport.CommandCenter;
import com.alibaba.csp.sentinel.transport.command.SimpleHttpCommandCenter;
import com.alibaba.csp.sentinel.transport.command.http.HttpEventTask;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Sentinel's own commands over its own HTTP, which would listen on every address of the machine otherwise. */
@Spi(order = Spi.ORDER_HIGHEST)
public class Commands implements CommandCenter {
  static volatile String[] listen = {"127.0.0.1", "0"};

  private final ExecutorService tasks = Executors.newCachedThreadPool(task -> {
    Thread thread = new Thread(task);
    thread.setDaemon(true);
    return thread;
  });
  static volatile ServerSocket server;

  @Override
  public void beforeStart() {
    SimpleHttpCommandCenter.registerCommands(CommandHandlerProvider.getInstance().namedHandlers());
  }

  @Override
  public void start() throws IOException {
    server = new ServerSocket(Integer.parseInt(listen[1]), 100, InetAddress.getByName(listen[0]));
    tasks.submit(() -> {
      while (true) {
        Socket socket = server.accept();
        socket.setSoTimeout(3_000);
        tasks.submit(new HttpEventTask(socket));
      }
    });
  }

  @Override
  public void stop() throws IOException {
    server.close();
    tasks.shutdownNow();
  }
}
