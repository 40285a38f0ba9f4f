// An HTTP client with a client certificate, which records what it sends and receives.

import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:http2';
import https from 'node:https';

// `tls` has the authority of the servers (`ca`) and, for a client with a certificate, `cert` and `key`. The result has
// `fetch` for client libraries, and `exchanges`.
export function recorder(tls = {}) {
  const exchanges = [];
  const fetch = async (url, { method = 'GET', headers = {}, body } = {}) => {
    const request = {
      url: String(url),
      method,
      headers: Object.fromEntries(new Headers(headers)),
      body: body && String(body),
    };
    const answer = await send(request, tls);
    exchanges.push({ request, answer });
    return new Response(answer.body, { status: answer.status, headers: answer.fields });
  };
  return { fetch, exchanges };
}

// Sends a request on a new connection. In the answer, `headers` has an array of values for each name.
export function send({ url, method = 'GET', headers = {}, body }, tls = {}) {
  const { request } = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false, signal: AbortSignal.timeout(10_000), ...tls });
    sent.on('error', reject);
    sent.on('response', async (response) => {
      try {
        response.setEncoding('utf8');
        let text = '';
        for await (const chunk of response) text += chunk;
        const { statusCode: status, headersDistinct: headers, rawHeaders: raw } = response;
        const fields = raw.flatMap((name, index) => (index % 2 ? [] : [[name, raw[index + 1]]]));
        resolve({ status, headers, fields, body: text });
      } catch (error) {
        reject(error);
      }
    });
    sent.end(body);
  });
}

// Sends a request without a body over HTTP/2.
export async function sendOverHttp2({ url, method = 'GET', headers }, tls) {
  const { origin, pathname, search } = new URL(url);
  const session = connect(origin, tls);
  try {
    const stream = session.request({ ':method': method, ':path': pathname + search, ...headers });
    // An error of the session is also one of its streams.
    session.on('error', () => {});
    stream.setEncoding('utf8').end();
    const [{ ':status': status }] = await once(stream, 'response', { signal: AbortSignal.timeout(10_000) });
    let body = '';
    for await (const chunk of stream) body += chunk;
    return { status, body };
  } finally {
    session.destroy();
  }
}
