// A client that opens a connection for each request, one after the other: for each port it is sent, so many of them.

import { once } from 'node:events'
import net from 'node:net'

export interface Visits {
  port: number
  requests: number
}

const REQUEST = 'GET /orders/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

process.on('message', async ({ port, requests }: Visits) => {
  for (let i = 0; i < requests; i++) {
    const socket = net.connect(port, '127.0.0.1').resume()
    socket.write(REQUEST)
    await once(socket, 'close')
  }
  process.send!('done')
})
process.on('disconnect', () => process.exit(0))
