// A turn that one process of the machine has at a time: an abstract socket, which the kernel gives back however its holder
// ends, and which is shared by exactly those who share ports, the network namespace.

import { createServer, type Server } from 'node:net'

const NAME = '\0rollcall-inspects'
const LOOK_EVERY_MS = 15

/** Undefined: somebody else had it all the time. */
export async function takeTurn(signal: AbortSignal): Promise<Disposable | undefined> {
  while (!signal.aborted) {
    const server = await listen()
    if (server !== undefined) return { [Symbol.dispose]: () => server.close() }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  return undefined
}

function listen(): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((stranger) => stranger.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(NAME, () => resolve(server))
    // A turn that is never given back must not keep the process alive.
    server.unref()
  })
}
