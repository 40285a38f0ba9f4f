// A reverse proxy that adds the token, which the suite has no option for. It changes nothing else:
// all headers go through as they came, also `Host`, `Origin` and repeated ones, and bodies as they
// arrive.

import http from 'node:http';
import { once } from 'node:events';

// The URL that stands for `target`. The proxy ends with this process.
export async function startProxy(target, authorization) {
  const { hostname, port, pathname } = new URL(target);
  const proxy = http.createServer((request, response) => {
    const onward = http.request({
      hostname,
      port,
      method: request.method,
      path: request.url,
      // A flat list is sent as it is.
      headers: [...request.rawHeaders, 'Authorization', authorization],
    });
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.statusMessage, answer.rawHeaders);
      // An event stream may have nothing to say for a while.
      response.flushHeaders();
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    // Whoever hangs up does so at both ends.
    response.on('close', () => onward.destroy());
    request.pipe(onward);
  });
  proxy.listen(0, '127.0.0.1').unref();
  await once(proxy, 'listening');
  return `http://127.0.0.1:${proxy.address().port}${pathname}`;
}
