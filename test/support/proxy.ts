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
  list: 8,
  sync: 9,
  ping: 11,
} as const

export interface ProxiedRequest {
  readonly type: number
  readonly xid: number
  /** Of the node it is about; empty where a request is about none, or about several. */
  readonly path: string
}

/**
 * What to do with a request: pass it and its reply, cut the connection in place of the reply or right
 * after it, swallow the reply, or withhold the request itself.
 */
export type Verdict = 'pass' | 'cut' | 'last' | 'drop' | 'withhold'

/** A stream cannot go on without what was dropped: this long after, the connection breaks. */
const STALL_MS = 30

class Frames {
  #buffer = Buffer.alloc(0)

  /** Whether `chunk` would begin a frame of a length that nobody sends. */
  isGarbage(chunk: Buffer): boolean {
    const start = Buffer.concat([this.#buffer.subarray(0, 4), chunk.subarray(0, 4)])
    return start.length >= 4 && (start.readInt32BE(0) < 0 || start.readInt32BE(0) > MAX_FRAME_BYTES)
  }

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

/** More than any request or reply of a test. */
const MAX_FRAME_BYTES = 4 << 20

export type Direction = 'toServer' | 'toClient'

export class BreakingProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  judge: (request: ProxiedRequest) => Verdict = () => 'pass'
  /** Called when a connection is closed after its last reply. */
  onEnd: () => void = () => {}
  /** Replies that never arrived, by type of request. */
  readonly broken = new Map<number, number>()
  /** Whether a client sent what is no request. */
  hadGarbage = false
  /** Types of requests that the server has been sent. */
  readonly seen = new Set<number>()
  refusing = false
  connections = 0
  /** How long a message takes on its way, in milliseconds. */
  delayMs = 0
  /** Which way nothing gets through at the moment, though no connection ends. */
  #silent: Direction[] = []
  readonly #held: (() => void)[] = []

  private constructor(
    private readonly target: number,
    private readonly isTransparent: boolean,
  ) {
    this.#server = createServer((client) => this.#serve(client))
  }

  /** @param options.isTransparent whether it leaves the bytes alone, which may be encrypted */
  static async start(target: number, { isTransparent = false } = {}): Promise<BreakingProxy> {
    const proxy = new BreakingProxy(target, isTransparent)
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
    if (this.isTransparent) {
      client.pipe(server)
      server.pipe(client)
      return
    }
    const doomed = new Map<number, Verdict>()
    this.#forward(client, server, 'toServer', (frame, first) => {
      if (first || frame.length < 12) return 'pass'
      const request = { xid: frame.readInt32BE(4), type: frame.readInt32BE(8), path: pathOf(frame) }
      const verdict = request.xid < 0 ? 'pass' : this.judge(request)
      if (verdict === 'withhold') return 'drop'
      this.seen.add(request.type)
      if (verdict !== 'pass') {
        doomed.set(request.xid, verdict)
        this.broken.set(request.type, (this.broken.get(request.type) ?? 0) + 1)
      }
      return 'pass'
    })
    this.#forward(server, client, 'toClient', (frame, first) =>
      first ? 'pass' : (doomed.get(frame.readInt32BE(4)) ?? 'pass'),
    )
  }

  #forward(
    from: Socket,
    to: Socket,
    direction: Direction,
    judge: (frame: Buffer, first: boolean) => Verdict,
  ): void {
    const frames = new Frames()
    let first = true
    from.on('data', (chunk) => {
      if (frames.isGarbage(chunk)) {
        this.hadGarbage = true
        from.destroy()
        return
      }
      for (const frame of frames.add(chunk)) {
        const verdict = judge(frame, first)
        first = false
        if (verdict === 'cut') {
          from.destroy()
          to.destroy()
          return
        }
        if (verdict === 'last') to.write(frame, () => this.#end(to))
        else if (verdict === 'pass') this.#carry(frame, to, direction)
        else setTimeout(() => to.destroy(), STALL_MS)
      }
    })
  }

  #carry(frame: Buffer, to: Socket, direction: Direction): void {
    const write = () => {
      if (!to.destroyed) to.write(frame)
    }
    if (this.#silent.includes(direction)) this.#held.push(write)
    else if (this.delayMs > 0) setTimeout(write, this.delayMs)
    else write()
  }

  /** From now on messages that go these ways get lost in the network, until they are let through, late. */
  silence(...directions: Direction[]): void {
    this.#silent = directions
    if (directions.length === 0) for (const write of this.#held.splice(0)) write()
  }

  #end(client: Socket): void {
    client.once('close', () => this.onEnd())
    client.destroy()
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

/** Most requests begin with a path: an i32 length, then its bytes. */
function pathOf(frame: Buffer): string {
  if (frame.length < 16) return ''
  const path = frame.subarray(16, 16 + Math.max(0, frame.readInt32BE(12))).toString()
  return path.startsWith('/') ? path : ''
}
