// A client of Node's inspector, of as much of its protocol as a stack needs. Nothing is stopped: what runs is interrupted, a
// small expression is evaluated on top of it, and V8 says what lies below.

import { get } from 'node:http'
import type { WebSocket } from 'ws'
import type { TcpSocket } from './proc'
import type { StackFrame } from './types'

/** A call frame of the protocol: lines and columns from 0. */
interface CallFrame {
  functionName: string
  url: string
  lineNumber: number
  columnNumber: number
}

interface Message {
  id?: number
  method?: string
  params?: Record<string, unknown>
  result?: unknown
}

/** Where an inspector that listens there can be talked to; undefined: it is none. */
export async function debuggerUrl(
  { host, port }: TcpSocket,
  signal: AbortSignal,
): Promise<string | undefined> {
  const text = await new Promise<string | undefined>((resolve) => {
    const request = get(
      { host: host.replace(/[[\]]/g, ''), port, path: '/json/list', signal, agent: false },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
          if (body.length > 65_536) response.destroy()
        })
        response.on('close', () => resolve(body))
      },
    )
    request.on('error', () => resolve(undefined))
  })
  try {
    const [target] = JSON.parse(text ?? '') as { webSocketDebuggerUrl?: string }[]
    const path = new URL(target!.webSocketDebuggerUrl!).pathname
    return `ws://${host}:${port}${path}`
  } catch {
    return undefined
  }
}

/** The main thread, or one worker thread in it. */
export interface Target {
  call(method: string, params?: object): Promise<unknown>
}

export class Inspector implements Target {
  readonly #socket: WebSocket
  readonly #closed: Promise<void>
  readonly #waiting = new Map<string, (result: unknown) => void>()
  readonly #attached: { sessionId: string; title: string }[] = []
  #id = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    this.#closed = new Promise<void>((resolve) => void socket.once('close', () => resolve()))
    socket.on('message', (data) => this.#hear(JSON.parse(String(data)), ''))
    // What follows is 'close'.
    socket.on('error', () => {})
  }

  static async connect(url: string, signal: AbortSignal): Promise<Inspector> {
    const { WebSocket } = await import('ws')
    const socket = new WebSocket(url, { perMessageDeflate: false })
    const inspector = new Inspector(socket)
    await new Promise<void>((resolve, reject) => {
      const abort = () => {
        socket.terminate()
        reject(signal.reason)
      }
      signal.addEventListener('abort', abort, { once: true })
      socket.once('open', () => {
        signal.removeEventListener('abort', abort)
        resolve()
      })
      socket.once('close', () => reject(new Error('The inspector has closed the connection')))
    })
    return inspector
  }

  /** Never answered where the process does not look, so race it. */
  call(method: string, params: object = {}): Promise<unknown> {
    return this.#call('', method, params)
  }

  /** The worker thread of that number. */
  async thread(threadId: number): Promise<Target | undefined> {
    await this.call('NodeWorker.enable', { waitForDebuggerOnStart: false })
    for (const { sessionId } of this.#attached) {
      const target = {
        call: (method: string, params: object = {}) => this.#call(sessionId, method, params),
      }
      const source = "process.getBuiltinModule('node:worker_threads').threadId"
      const answer = await Promise.race([evaluate(target, source), later(THREAD_ANSWER_MS)])
      if (answer === threadId) return target
    }
    return undefined
  }

  /** Lets the process close its inspector, this connection with it. False: it has not, because nothing runs there. */
  async close(isOurs: boolean): Promise<boolean> {
    let isClosed = true
    if (isOurs) {
      void this.call('Runtime.evaluate', { expression: "process.getBuiltinModule('node:inspector').close()" })
      const closed = this.#closed.then(() => true)
      isClosed = (await Promise.race([closed, later(CLOSE_MS)])) ?? false
    }
    this.#socket.terminate()
    return isClosed
  }

  #call(sessionId: string, method: string, params: object): Promise<unknown> {
    const id = ++this.#id
    const message = JSON.stringify({ id, method, params })
    const answer = new Promise<unknown>((resolve) => this.#waiting.set(`${sessionId} ${id}`, resolve))
    if (sessionId === '') this.#socket.send(message)
    else void this.call('NodeWorker.sendMessageToWorker', { sessionId, message })
    return answer
  }

  #hear({ id, method, params, result }: Message, sessionId: string): void {
    if (id !== undefined) {
      this.#waiting.get(`${sessionId} ${id}`)?.(result)
      this.#waiting.delete(`${sessionId} ${id}`)
    } else if (method === 'NodeWorker.attachedToWorker') {
      const { sessionId, workerInfo } = params as { sessionId: string; workerInfo: { title: string } }
      this.#attached.push({ sessionId, title: workerInfo.title })
    } else if (method === 'NodeWorker.receivedMessageFromWorker') {
      const { sessionId, message } = params as { sessionId: string; message: string }
      this.#hear(JSON.parse(message), sessionId)
    }
  }
}

const THREAD_ANSWER_MS = 500
const CLOSE_MS = 500

function later(ms: number): Promise<undefined> {
  return new Promise<undefined>((resolve) => void setTimeout(() => resolve(undefined), ms).unref())
}

async function evaluate(target: Target, expression: string): Promise<unknown> {
  const answer = (await target.call('Runtime.evaluate', { expression })) as { result?: { value?: unknown } }
  return answer.result?.value
}

/** What a thread runs now, the innermost call first. Calls that the inspector itself made are left out. */
export async function stackNow(target: Target): Promise<StackFrame[]> {
  // V8 notes the stack of what is thrown only for whoever has enabled this.
  await target.call('Runtime.enable')
  const thrown = (await target.call('Runtime.evaluate', { expression: 'throw 0', silent: true })) as {
    exceptionDetails?: { stackTrace?: { callFrames: CallFrame[] } }
  }
  const [, ...frames] = thrown.exceptionDetails?.stackTrace?.callFrames ?? []
  return frames.map(({ functionName, url, lineNumber, columnNumber }) => ({
    functionName,
    file: url,
    line: lineNumber + 1,
    column: columnNumber + 1,
  }))
}
