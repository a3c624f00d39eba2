// What is asked about a worker that does not go on, and what is told.

import type { AnyScoreboard } from '../scoreboard/scoreboard'
import type { WorkerEntry } from '../scoreboard/types'

/** An entry of any board, whatever its workers publish. */
export type AskedWorker = Omit<WorkerEntry, 'status' | 'counters'>

/** One call on a stack, the innermost first. */
export interface StackFrame {
  /** Empty where the function has no name. */
  functionName: string
  /** A path where it is a file, `node:internal/timers` where it is Node's own; empty where it is neither. */
  file: string
  /** From 1. */
  line: number
  /** From 1. */
  column: number
}

/** What Linux knows of a thread, whatever it runs. */
export interface KernelView {
  /** The state letter of `/proc`: R runs, S sleeps, D waits for a device, T is stopped, t is traced, Z has ended; or F: its cgroup is frozen. */
  state: string
  /** The system call that it is in, `read`, where that may be asked. */
  syscall?: string
  /** What that call is about: a path, a pipe, a socket. */
  target?: string
  /** Where in the kernel it sleeps. */
  waitsIn?: string
  /** The kernel's own stack, for root. */
  stack?: string[]
  /** Its child processes, each `1234 sleep 60`: a synchronous call may wait for one. */
  children?: string[]
}

/** Why there is no stack of JavaScript. Codes are stable, messages are not. */
export interface StackRefusal {
  code:
    | 'dead'
    | 'gone'
    | 'unsupported'
    | 'other-namespace'
    | 'other-user'
    | 'not-node'
    | 'no-handler'
    | 'own-handler'
    | 'traced'
    | 'debugger-attached'
    | 'stopped'
    | 'in-kernel'
    | 'no-answer'
    | 'not-wanted'
    | 'busy'
  message: string
}

/** What `stackOf()` found. */
export interface WorkerStack {
  id: string
  pid: number
  threadId: number
  /** Of JavaScript, the innermost call first; empty: its event loop waits for something to do. The last of `samples`. */
  frames?: StackFrame[]
  /** One after the other, as many as were asked for. */
  samples?: StackFrame[][]
  /** Why there are no frames. */
  refusal?: StackRefusal
  /** Where there are no frames: what the kernel knows. */
  kernel?: KernelView
  /** From the call to the stack, in milliseconds. */
  tookMs: number
  /** For how long we had the inspector open, in milliseconds; 0 where it was open before and stays so. */
  inspectorOpenMs?: number
}

/** What `stackOf()` takes. */
export interface StackOptions {
  /**
   * The board of the worker, open for writing: it is noted there that the inspector is open, so that it is closed even when
   * this process is killed meanwhile.
   *
   * @default nothing is noted
   */
  board?: AnyScoreboard
  /**
   * How long to wait for the process to answer, in milliseconds, 50 to 60000; up to five times as long where it wants to
   * run, and the machine has no processor for it.
   *
   * @default 2000
   */
  timeoutMs?: number
  /** How many stacks to take, a tenth of a second apart, 1 to 1000. @default 1 */
  samples?: number
  /** `false`: leave the process alone, and tell what the kernel knows. @default true */
  inspector?: boolean
  /** Ends it early; the inspector is closed before the promise rejects. */
  signal?: AbortSignal
}
