// An HTTP client with a client certificate, which records what it sends and receives.

import http from 'node:http';
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
