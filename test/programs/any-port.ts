// Loaded before a sample: whatever port it listens on, it gets a free one, and the port is written to PORTS_FILE.
// So samples that name a port can run side by side, here and on a machine where that port is taken.

import { appendFileSync } from 'node:fs'
import { type AddressInfo, Server } from 'node:net'

const { listen } = Server.prototype

Server.prototype.listen = function (this: Server, ...all: unknown[]) {
  const [first, ...rest] = all
  const isPort = typeof first === 'number'
  const isOptions = typeof first === 'object' && first !== null && 'port' in first
  const free = isPort ? 0 : isOptions ? { ...first, port: 0 } : first
  if (isPort || isOptions) {
    this.once('listening', () => {
      appendFileSync(process.env.PORTS_FILE!, `${(this.address() as AddressInfo).port}\n`)
    })
  }
  return listen.apply(this, [free, ...rest] as Parameters<typeof listen>)
} as typeof listen
