// The helper program at work: one for this process, which starts commands, waits for them, and ends them whole when
// this process is gone. Frames go both ways over a socket; native/supervisor/supervisor.h has them all.

import { type ChildProcess, spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { errnoName } from '../../util/errno'
import { cut } from '../../view/text'
import { CliError, EXIT } from './exit-codes'
import { findSupervisor } from './supervisor-program'

export interface CommandRequest {
  readonly words: readonly (string | Uint8Array)[]
  /** Added to this process's own environment, which has our secrets taken out of it. */
  readonly env?: Readonly<Record<string, string | Uint8Array>>
  /** Bytes are given to the command as a file. @default 'ignore' */
  readonly stdin?: 'ignore' | 'inherit' | Uint8Array
  /** What the command writes, as it comes; without it, it writes where this process does. */
  readonly onOutput?: (stream: 1 | 2, bytes: Buffer) => void
  /** It is in the foreground of our terminal, and gets what is typed there. @default false */
  readonly foreground?: boolean
  /** What it leaves behind in its group lives on. @default false */
  readonly keepChildren?: boolean
}

export interface Ending {
  /** 128 + n for signal n, as shells tell it. */
  readonly code: number
  /** The signal's number; 0 where it ended by itself. */
  readonly signal: number
  /** It failed, and our standard output, which it wrote to, has no reader any more. */
  readonly outputClosed: boolean
}

export interface RunningCommand {
  readonly pid: number
  /** Settles when nothing of it is left. Rejects only when the supervisor is gone. */
  readonly ended: Promise<Ending>
  /** To all of its group. */
  signal(signal: NodeJS.Signals): void
}

/** A command that did not start. */
export class StartError extends Error {
  override readonly name = 'StartError'

  constructor(
    message: string,
    /** `'ENOENT'` and the like. */
    readonly code: string,
    /** It is the program that could not be executed; else the machine had no room for it. */
    readonly isOfProgram: boolean,
  ) {
    super(message)
  }
}

interface Entry {
  readonly request: CommandRequest
  readonly started: (command: RunningCommand) => void
  readonly failed: (error: Error) => void
  readonly ended: PromiseWithResolvers<Ending>
  pid: number
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}

const NAME_COLUMNS = 200
const START_HEADER = 20
const INPUTS = { ignore: 0, inherit: 1, bytes: 2 } as const

export class Supervisor {
  readonly #child: ChildProcess
  readonly #socket: Socket
  readonly #entries = new Map<number, Entry>()
  readonly #guards: PromiseWithResolvers<void>[] = []
  #nextId = 1
  #rest: Buffer = Buffer.alloc(0)
  #lost: CliError | undefined

  constructor() {
    this.#child = spawn(findSupervisor(), [], {
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env: withoutSecrets(process.env),
    })
    this.#socket = this.#child.stdio[3] as Socket
    this.#socket.on('data', (bytes) => this.#take(bytes as Buffer))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.#lose('ended'))
    this.#child.on('error', (error) => this.#lose(error.message))
  }

  /** Ends it, and with it what still runs. */
  close(): void {
    this.#lost ??= new CliError(EXIT.bug, 'The supervisor was closed while commands ran')
    this.#socket.end()
    this.#socket.unref()
    this.#child.unref()
  }

  /** Rejects with a `StartError` where the command cannot be started. */
  start(request: CommandRequest): Promise<RunningCommand> {
    return new Promise((started, failed) => {
      if (this.#lost !== undefined) return failed(this.#lost)
      const id = this.#nextId
      this.#nextId = (id % 0xffff_fffe) + 1
      this.#entries.set(id, { request, started, failed, ended: withResolvers(), pid: 0 })
      this.#socket.write(startFrame(id, request))
    })
  }

  /**
   * Makes the file and holds its lock until `unguard()`, or, when this process is gone, until none of its commands
   * runs any more.
   */
  guard(path: string): Promise<void> {
    const guard = withResolvers<void>()
    if (this.#lost !== undefined) guard.reject(this.#lost)
    else {
      this.#guards.push(guard)
      this.#socket.write(frame('G', Buffer.from(`${path}\0`)))
    }
    return guard.promise
  }

  unguard(path: string): void {
    if (this.#lost === undefined) this.#socket.write(frame('U', Buffer.from(`${path}\0`)))
  }

  #take(bytes: Buffer): void {
    let data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    while (data.length >= 4) {
      const size = data.readUInt32LE(0)
      if (data.length < 4 + size) break
      this.#hear(data[4]!, data.subarray(5, 4 + size))
      data = data.subarray(4 + size)
    }
    this.#rest = data
  }

  #hear(type: number, payload: Buffer): void {
    const letter = String.fromCharCode(type)
    if (letter === 'g') {
      this.#heardOfGuard(payload.readUInt32LE(0))
      return
    }
    const id = payload.readUInt32LE(0)
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    if (letter === 'o') entry.request.onOutput?.(payload[4] as 1 | 2, payload.subarray(5))
    else if (letter === 's') {
      entry.pid = payload.readUInt32LE(4)
      entry.started({
        pid: entry.pid,
        ended: entry.ended.promise,
        signal: (name) => this.#signal(id, name),
      })
    } else if (letter === 'f') {
      this.#entries.delete(id)
      entry.failed(startError(entry.request, payload.readUInt32LE(4), payload[8] === 0x78))
    } else if (letter === 'x') {
      this.#entries.delete(id)
      const [code, signal, closed] = [payload[4]!, payload[5]!, payload[6]!]
      entry.ended.resolve({ code: signal > 0 ? 128 + signal : code, signal, outputClosed: closed === 1 })
    }
  }

  #heardOfGuard(errno: number): void {
    const guard = this.#guards.shift()!
    if (errno === 0) guard.resolve()
    else guard.reject(new CliError(EXIT.system, `Cannot make a lock beside the queue: ${errnoName(errno)}`))
  }

  #signal(id: number, name: NodeJS.Signals): void {
    if (this.#lost !== undefined || !this.#entries.has(id)) return
    const payload = Buffer.alloc(8)
    payload.writeUInt32LE(id, 0)
    payload.writeUInt32LE(constants.signals[name], 4)
    this.#socket.write(frame('K', payload))
  }

  /** It was killed, most likely by hand: what it looked after must not go on without it. */
  #lose(why: string): void {
    if (this.#lost !== undefined) return
    this.#lost = new CliError(EXIT.system, `The program that looks after commands is gone: ${why}`)
    for (const { pid, request, ended, failed } of this.#entries.values()) {
      if (pid > 0) killQuietly(request.foreground ? pid : -pid)
      failed(this.#lost)
      ended.reject(this.#lost)
    }
    this.#entries.clear()
    for (const guard of this.#guards.splice(0)) guard.reject(this.#lost)
  }
}

/** Whoever chooses the items has a say in what a command does and prints: our secrets are not for it. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const { ROLLCALL_AUTH: _, ROLLCALL_TOKEN: __, ...rest } = env
  return rest
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

function frame(type: string, ...payload: Uint8Array[]): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32LE(1 + payload.reduce((total, part) => total + part.length, 0), 0)
  head.write(type, 4, 'latin1')
  return Buffer.concat([head, ...payload])
}

const NUL = Buffer.alloc(1)

function startFrame(id: number, request: CommandRequest): Buffer {
  const { words, env = {}, stdin = 'ignore' } = request
  const input = typeof stdin === 'string' ? Buffer.alloc(0) : stdin
  const settings = Object.entries(env)
  const head = Buffer.alloc(START_HEADER)
  head.writeUInt32LE(id, 0)
  head[4] = INPUTS[typeof stdin === 'string' ? stdin : 'bytes']
  head[5] = request.onOutput === undefined ? 0 : 1
  head[6] = request.foreground ? 1 : 0
  head[7] = request.keepChildren ? 1 : 0
  head.writeUInt32LE(words.length, 8)
  head.writeUInt32LE(settings.length, 12)
  head.writeUInt32LE(input.length, 16)
  const strings = [
    ...words.flatMap((word) => [Buffer.from(word), NUL]),
    ...settings.flatMap(([name, value]) => [Buffer.from(`${name}=`), Buffer.from(value), NUL]),
  ]
  return frame('S', head, ...strings, input)
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'no such program, or its interpreter is missing',
  EACCES: 'permission denied',
  ENOEXEC: 'it is no program',
  E2BIG: 'its arguments and environment are too long',
  EAGAIN: 'no more processes are allowed here',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files on this machine',
  ENOMEM: 'no memory left',
}

function startError({ words }: CommandRequest, errno: number, isOfProgram: boolean): StartError {
  const code = errnoName(errno)
  // It may be an item.
  const name = cut(Buffer.from(words[0]!).toString(), NAME_COLUMNS)
  return new StartError(
    `cannot run ${name}: ${WHY[code] ?? 'the system refused'} [${code}]`,
    code,
    isOfProgram,
  )
}
