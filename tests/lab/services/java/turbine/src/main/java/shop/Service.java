package shop;

import com.netflix.turbine.Turbine;
import com.netflix.turbine.internal.JsonUtility;
import io.netty.buffer.ByteBuf;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.reactivex.netty.RxNetty;
import io.reactivex.netty.channel.SingleNioLoopProvider;
import io.reactivex.netty.pipeline.PipelineConfigurators;
import io.reactivex.netty.protocol.http.server.HttpServer;
import io.reactivex.netty.protocol.http.server.HttpServerRequest;
import io.reactivex.netty.protocol.http.server.HttpServerResponse;
import io.reactivex.netty.protocol.text.sse.ServerSentEvent;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.URI;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import rx.Observable;

/** Netflix' Turbine over several clusters. Its own server has one, and listens on every address of the machine. */
public class Service {
  private static String[] listen = {"127.0.0.1", "0"};

  /** What the streams of each cluster add up to, for all who read it. */
  private static final Map<String, Observable<Map<String, Object>>> clusters = new HashMap<>();

  /** Listens at one address. */
  public static class Channel extends NioServerSocketChannel {
    @Override
    protected void doBind(SocketAddress everywhere) throws Exception {
      super.doBind(new InetSocketAddress(listen[0], ((InetSocketAddress) everywhere).getPort()));
    }
  }

  public static void main(String[] arguments) throws Exception {
    String name = "turbine";
    Map<String, List<URI>> streams = new HashMap<>();
    for (String argument : arguments) {
      String[] option = argument.split("=", 2);
      switch (option[0]) {
        case "--name" -> name = option[1];
        case "--listen" -> listen = option[1].split(":", 2);
        case "--stream" -> {
          String[] stream = option[1].split("=", 2);
          streams.computeIfAbsent(stream[0], cluster -> new ArrayList<>()).add(URI.create(stream[1]));
        }
        default -> throw new IllegalArgumentException(argument);
      }
    }
    // On several threads it may lose one of the streams: its authors suspect so where it brings them together.
    SingleNioLoopProvider one = new SingleNioLoopProvider(1);
    RxNetty.useEventLoopProvider(one);
    streams.forEach((cluster, uris) -> clusters.put(cluster,
        Turbine.aggregateHttpSSE(uris.toArray(URI[]::new)).flatMap(group -> group).publish().refCount()));

    HttpServer<ByteBuf, ServerSentEvent> server =
        RxNetty.<ByteBuf, ServerSentEvent>newHttpServerBuilder(Integer.parseInt(listen[1]), Service::answer)
            .pipelineConfigurator(PipelineConfigurators.<ByteBuf>sseServerConfigurator())
            .eventLoop(one.globalServerEventLoop())
            .channel(Channel.class)
            .build();
    server.start();
    System.out.printf("ready service=%s http=%s:%d%n", name, listen[0], server.getServerPort());
    server.waitTillShutdown();
  }

  private static Observable<Void> answer(
      HttpServerRequest<ByteBuf> request, HttpServerResponse<ServerSentEvent> response) {
    List<String> asked = request.getQueryParameters().get("cluster");
    boolean isStream = request.getPath().equals("/turbine.stream");
    Observable<Map<String, Object>> sums = isStream && asked != null ? clusters.get(asked.get(0)) : null;
    if (sums == null) {
      boolean isHealth = request.getPath().equals("/health");
      response.setStatus(isHealth ? HttpResponseStatus.OK : HttpResponseStatus.NOT_FOUND);
      return response.close();
    }
    response.getHeaders().setHeader("Content-Type", "text/event-stream");
    return sums.flatMap(sum -> response.writeAndFlush(new ServerSentEvent(null, null, JsonUtility.mapToJson(sum))));
  }
}
