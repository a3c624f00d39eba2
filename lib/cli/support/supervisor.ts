// The helper program at work: one for this process, which starts commands, waits for them, and ends them whole when
// this process is gone. Frames go both ways over a socket; native/supervisor/supervisor.h has them all.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { join } from 'node:path'
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
  /** Its process id; told a moment late, unless it has ended by then. Rejects where it did not start. */
  readonly pid: Promise<number>
  /** Settles when nothing of it is left. Rejects with a `StartError` where it did not start, or when the supervisor is gone. */
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
  readonly started: PromiseWithResolvers<number>
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
const HOLD_MS = 50
const NOTHING = Buffer.alloc(0)
const INPUTS = { ignore: 0, inherit: 1, bytes: 2 } as const

export class Supervisor {
  readonly #child: ChildProcess
  readonly #socket: Socket
  readonly #gone: Promise<void>
  readonly #entries = new Map<number, Entry>()
  readonly #guards: PromiseWithResolvers<void>[] = []
  #nextId = 1
  #rest: Buffer = Buffer.alloc(0)
  #lost: CliError | undefined

  /** @param holdMs how long the word that a command has started may wait for that of its end, which saves a wake-up */
  constructor({ holdMs = HOLD_MS } = {}) {
    this.#child = spawn(findSupervisor(), [String(holdMs)], {
      stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
      env: withoutSecrets(process.env),
    })
    this.#socket = this.#child.stdio[3] as Socket
    this.#socket.on('data', (bytes) => this.#take(bytes as Buffer))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.#lose('ended'))
    this.#gone = new Promise((resolve) => {
      this.#child.on('exit', () => resolve())
      this.#child.on('error', (error) => {
        this.#lose(error.message)
        resolve()
      })
    })
  }

  /** Ends it, and with it what still runs. Resolves when it is gone. */
  close(): Promise<void> {
    this.#lost ??= new CliError(EXIT.bug, 'The supervisor was closed while commands ran')
    this.#socket.end()
    return this.#gone
  }

  start(request: CommandRequest): RunningCommand {
    const id = this.#nextId
    const entry: Entry = { request, started: withResolvers(), ended: withResolvers(), pid: 0 }
    if (this.#lost !== undefined) fail(entry, this.#lost)
    else {
      this.#nextId = (id % 0xffff_fffe) + 1
      this.#entries.set(id, entry)
      this.#socket.write(startFrame(id, request))
    }
    return {
      pid: entry.started.promise,
      ended: entry.ended.promise,
      signal: (name) => this.#signal(id, name),
    }
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
      entry.started.resolve(entry.pid)
    } else if (letter === 'f') {
      this.#entries.delete(id)
      fail(entry, startError(entry.request, payload.readUInt32LE(4), payload[8] === 0x78))
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
    for (const entry of this.#entries.values()) {
      if (entry.pid > 0) killQuietly(entry.request.foreground ? entry.pid : -entry.pid)
      fail(entry, this.#lost)
    }
    this.#entries.clear()
    for (const guard of this.#guards.splice(0)) guard.reject(this.#lost)
  }
}

function fail({ started, ended }: Entry, error: Error): void {
  started.reject(error)
  ended.reject(error)
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

function startFrame(id: number, request: CommandRequest): Buffer {
  const { words, env = {}, stdin = 'ignore' } = request
  const input = typeof stdin === 'string' ? NOTHING : stdin
  const names = Object.keys(env)
  let size = 1 + START_HEADER + input.length
  for (const word of words) size += Buffer.byteLength(word) + 1
  for (const name of names) size += Buffer.byteLength(name) + Buffer.byteLength(env[name]!) + 2
  // In one piece: this is done for each command.
  const bytes = Buffer.alloc(4 + size)
  bytes.writeUInt32LE(size, 0)
  bytes.write('S', 4, 'latin1')
  bytes.writeUInt32LE(id, 5)
  bytes[9] = INPUTS[typeof stdin === 'string' ? stdin : 'bytes']
  bytes[10] = request.onOutput === undefined ? 0 : 1
  bytes[11] = request.foreground ? 1 : 0
  bytes[12] = request.keepChildren ? 1 : 0
  bytes.writeUInt32LE(words.length, 13)
  bytes.writeUInt32LE(names.length, 17)
  bytes.writeUInt32LE(input.length, 21)
  let at = 5 + START_HEADER
  const put = (text: string | Uint8Array) => {
    if (typeof text === 'string') {
      at += bytes.write(text, at)
    } else {
      bytes.set(text, at)
      at += text.length
    }
  }
  for (const word of words) {
    put(word)
    at++
  }
  for (const name of names) {
    put(name)
    put('=')
    put(env[name]!)
    at++
  }
  put(input)
  return bytes
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

function startError({ words, env }: CommandRequest, errno: number, isOfProgram: boolean): StartError {
  const program = Buffer.from(words[0]!).toString()
  const met = errnoName(errno)
  const code = met === 'EACCES' && isNowhere(program, String(env?.PATH ?? process.env.PATH)) ? 'ENOENT' : met
  return new StartError(
    // It may be an item.
    `cannot run ${cut(program, NAME_COLUMNS)}: ${WHY[code] ?? 'the system refused'} [${code}]`,
    code,
    isOfProgram,
  )
}

/** Where a folder of PATH may not be entered, a program that is in none of them is refused like one that may not be run. */
function isNowhere(program: string, path: string): boolean {
  return !program.includes('/') && path.split(':').every((folder) => !existsSync(join(folder, program)))
}
