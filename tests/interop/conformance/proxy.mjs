// A reverse proxy that adds the token, because the suite has no option for it. The proxy changes nothing else. It
// forwards all headers unchanged, including `Host`, `Origin` and repeated ones, and streams bodies.

import http from 'node:http';
import { once } from 'node:events';

// Returns the URL of the proxy for `target`. The proxy ends with this process.
export async function startProxy(target, authorization) {
  const { hostname, port, pathname } = new URL(target);
  const proxy = http.createServer((request, response) => {
    const onward = http.request({
      hostname,
      port,
      method: request.method,
      path: request.url,
      // Node sends a flat list of headers unchanged.
      headers: [...request.rawHeaders, 'Authorization', authorization],
    });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
      // An event stream can send its first event much later.
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    // If one side closes the connection, the proxy closes the other.
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1').unref();
  await once(proxy, 'listening');
  return `http://127.0.0.1:${proxy.address().port}${pathname}`;
}
