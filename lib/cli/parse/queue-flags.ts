// What every verb about a queue takes: which queue, how to reach it, and who is asking.

import { hostname } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import { WatchdogError } from '../../util/errors'
import { CliError, EXIT } from '../support/exit-codes'
import { placeHint } from '../support/place-hints'
import { durationFrom } from './duration'

export interface QueueOptions {
  queue?: string
  auth?: string
  sessionTimeout?: number
  connectTimeout?: number
  waitQueue?: number
}

/** Adds the options that say which queue. */
export function withQueue(command: Command): Command {
  return command
    .addOption(
      new Option(
        '-q, --queue <url>',
        'the queue: a directory of this machine, or zk://host1:2181,host2:2181/path',
      ).env('ROLLCALL_QUEUE'),
    )
    .addOption(
      new Option('--auth <user:password>', 'the secret that the queue was made with').env('ROLLCALL_AUTH'),
    )
    .option(
      '--session-timeout <duration>',
      'how long a silent process counts as alive (default 15s)',
      durationFrom('100ms'),
    )
    .option(
      '--connect-timeout <duration>',
      'how long to wait for the server (default 10s)',
      durationFrom('1ms'),
    )
}

/** The same, for verbs that may come before their queue. */
export function withWaitQueue(command: Command): Command {
  return withQueue(command).option(
    '--wait-queue <duration>',
    'wait so long for a queue that is not there yet',
    durationFrom('0ms'),
  )
}

export async function openQueue<Item = string>(
  options: QueueOptions,
  signal?: AbortSignal,
): Promise<WatchdogQueue<Item>> {
  if (options.queue === undefined) {
    throw new CliError(EXIT.usage, 'Which queue? Give --queue <url> or set ROLLCALL_QUEUE')
  }
  const { WatchdogQueue } = await import('../../queue/watchdog-queue.js')
  const url = options.queue
  const queue = await WatchdogQueue.connect<Item>(url, {
    ...(options.sessionTimeout === undefined ? {} : { sessionTimeoutMs: options.sessionTimeout }),
    ...(options.connectTimeout === undefined ? {} : { connectTimeoutMs: options.connectTimeout }),
    ...(options.auth === undefined ? {} : { auth: { scheme: 'digest', secret: options.auth } }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((error) => {
    throw withPlaceHint(error, url)
  })
  try {
    if (options.waitQueue !== undefined) await queue.attachQueue({ timeoutMs: options.waitQueue, signal })
  } catch (error) {
    await queue.close()
    throw withPlaceHint(error, url)
  }
  return queue
}

/** Opens the queue, calls, and closes it, whatever happened. */
export async function useQueue<R, Item = string>(
  options: QueueOptions,
  work: (queue: WatchdogQueue<Item>) => Promise<R>,
  signal?: AbortSignal,
): Promise<R> {
  const queue = await openQueue<Item>(options, signal)
  try {
    return await work(queue)
  } catch (error) {
    throw withPlaceHint(error, options.queue!)
  } finally {
    await queue.close()
  }
}

/** An error that says there is no queue, with what may have been meant. */
export function withPlaceHint(error: unknown, url: string): unknown {
  if (!(error instanceof WatchdogError)) return error
  const { code, message, path, retryable, maybeApplied } = error
  if (code !== 'ERR_NOT_FOUND' && code !== 'ERR_UNSUPPORTED') return error
  const hint = placeHint(url, 'queue')
  if (hint === '') return error
  return new WatchdogError(code, `${message}${hint}`, { cause: error, path, retryable, maybeApplied })
}

/** The number of this task in its array job, by the names that schedulers give it. */
const TASK_VARIABLES = [
  'SLURM_ARRAY_TASK_ID',
  'PBS_ARRAYID',
  'PBS_ARRAY_INDEX',
  'SGE_TASK_ID',
  'LSB_JOBINDEX',
]

/** An id for this worker: its task in an array job, which is what `--expect 1-100` names; else host and pid. */
export function defaultId(env: NodeJS.ProcessEnv = process.env): string {
  for (const name of TASK_VARIABLES) {
    const value = env[name]
    // Outside of an array SGE says 'undefined' and LSF says 0.
    if (value !== undefined && /^\d+$/.test(value) && !(name === 'LSB_JOBINDEX' && value === '0'))
      return value
  }
  return `${hostname()}.${process.pid}`
}

const MAX_EXPECTED = 1_000_000

function tooMany(): InvalidArgumentError {
  return new InvalidArgumentError(`Expected at most ${MAX_EXPECTED} workers.`)
}

/** `1-100`, `0-99%5`, `1,3,7-9`, `0-20:4` as Slurm writes array jobs, or names, into ids. A plain number alone is a count. */
export function parseExpect(text: string): number | string[] {
  if (/^\d+$/.test(text)) {
    if (Number(text) > MAX_EXPECTED) throw tooMany()
    return Number(text)
  }
  const ids: string[] = []
  for (const part of text.replace(/%\d+$/, '').split(',')) {
    if (part === '')
      throw new InvalidArgumentError('Expected ids like 1-100, 0-99%5 or a,b,c, or a number of workers.')
    const range = /^(\d+)-(\d+)(?::(\d+))?$/.exec(part)
    const [from, to, step] = range ? [Number(range[1]), Number(range[2]), Number(range[3] ?? 1)] : [0, 0, 1]
    // Beyond the safe integers a number plus one may be the same number, and the range without end.
    if (to < from || step < 1 || !Number.isSafeInteger(to + step)) {
      throw new InvalidArgumentError(`${part} is no range that counts up.`)
    }
    if (ids.length + (to - from) / step >= MAX_EXPECTED) throw tooMany()
    if (range === null) ids.push(part)
    else for (let id = from; id <= to; id += step) ids.push(String(id))
  }
  return ids
}
