// A proxy between a ZooKeeper client and its server that breaks connections at chosen moments: it
// reads the frames of both directions, and can cut after a request was carried out and before its
// reply is seen.
//
// Frames: i32 length, then (after the handshake) i32 xid and, in requests, i32 type.

import { connect, createServer, type Server, type Socket } from 'node:net'

export const REQUEST_TYPES = {
  create: 1,
  delete: 2,
  exists: 3,
  get: 4,
  set: 5,
  setAcl: 7,
  list: 8,
  sync: 9,
  ping: 11,
} as const

export interface ProxiedRequest {
  readonly type: number
  readonly xid: number
}

/**
 * What to do with a request: pass it and its reply, cut the connection in place of the reply, swallow
 * the reply, or withhold the request itself.
 */
export type Verdict = 'pass' | 'cut' | 'drop' | 'withhold'

/** A stream cannot go on without what was dropped: this long after, the connection breaks. */
const STALL_MS = 30

class Frames {
  #buffer = Buffer.alloc(0)

  /** The complete frames, with their lengths, that `chunk` completes. */
  add(chunk: Buffer): Buffer[] {
    this.#buffer = Buffer.concat([this.#buffer, chunk])
    const frames: Buffer[] = []
    while (this.#buffer.length >= 4) {
      const end = 4 + this.#buffer.readInt32BE(0)
      if (this.#buffer.length < end) break
      frames.push(this.#buffer.subarray(0, end))
      this.#buffer = this.#buffer.subarray(end)
    }
    return frames
  }
}

export class BreakingProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  judge: (request: ProxiedRequest) => Verdict = () => 'pass'
  /** Replies that never arrived, by type of request. */
  readonly broken = new Map<number, number>()
  refusing = false
  connections = 0

  private constructor(private readonly target: number) {
    this.#server = createServer((client) => this.#serve(client))
  }

  static async start(target: number): Promise<BreakingProxy> {
    const proxy = new BreakingProxy(target)
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  #serve(client: Socket): void {
    if (this.refusing) return void client.destroy()
    this.connections++
    const server = connect(this.target, '127.0.0.1')
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    const doomed = new Map<number, Verdict>()
    this.#forward(client, server, (frame, first) => {
      if (first || frame.length < 12) return 'pass'
      const request = { xid: frame.readInt32BE(4), type: frame.readInt32BE(8) }
      const verdict = request.xid < 0 ? 'pass' : this.judge(request)
      if (verdict === 'withhold') return 'drop'
      if (verdict !== 'pass') {
        doomed.set(request.xid, verdict)
        this.broken.set(request.type, (this.broken.get(request.type) ?? 0) + 1)
      }
      return 'pass'
    })
    this.#forward(server, client, (frame, first) =>
      first ? 'pass' : (doomed.get(frame.readInt32BE(4)) ?? 'pass'),
    )
  }

  #forward(from: Socket, to: Socket, judge: (frame: Buffer, first: boolean) => Verdict): void {
    const frames = new Frames()
    let first = true
    from.on('data', (chunk) => {
      for (const frame of frames.add(chunk)) {
        const verdict = judge(frame, first)
        first = false
        if (verdict === 'cut') {
          from.destroy()
          to.destroy()
          return
        }
        if (verdict === 'pass') to.write(frame)
        else setTimeout(() => to.destroy(), STALL_MS)
      }
    })
  }

  /** Cuts every connection there is. */
  cutAll(): void {
    for (const socket of [...this.#sockets]) socket.destroy()
  }

  async stop(): Promise<void> {
    this.cutAll()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
