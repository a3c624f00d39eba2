// Requests that tests make, on connections of their own choice.

import http from 'node:http'
import type { AddressInfo, Server } from 'node:net'

/** Listens on a free loopback port, which it returns. Closed, with all connections, after the test. */
export async function listen(server: Server): Promise<number> {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

const servers: Server[] = []

export interface Answer {
  status: number
  body: string
  headers: http.IncomingHttpHeaders
}

/** One request; resolves with the whole answer. `connection: close` unless the options have an agent. */
export function request(
  port: number,
  path: string,
  options: http.RequestOptions & { body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => {
        body += text
      })
      response.on('end', () => resolve({ status: response.statusCode!, body, headers: response.headers }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    sent.end(options.body)
  })
}

afterEach(async () => {
  await Promise.all(
    servers.splice(0).map(
      (server) =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
          if (server instanceof http.Server) server.closeAllConnections()
        }),
    ),
  )
})
