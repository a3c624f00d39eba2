// The flags of every verb about a queue: which queue, how to reach it, and which worker is asking.

import { hostname } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { durationFrom } from './duration'
import { secretIn } from './secret'

/** Who we are to a server, and how to speak with it. */
export interface ServerOptions {
  /** `user:password`, or `x509`. */
  auth?: string
  authFile?: string
  tls?: boolean
  tlsCa?: string
  tlsCert?: string
  tlsKey?: string
}

export interface QueueOptions extends ServerOptions {
  queue?: string
  sessionTimeout?: number
  connectTimeout?: number
  sharedDirectory?: boolean
  waitQueue?: number
}

/** Adds the options of `ServerOptions`. */
export function withServer(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--auth <user:password>',
        'ZooKeeper: the secret that it was made with, or x509 for the certificate of --tls-cert',
      ).env('ROLLCALL_AUTH'),
    )
    .addOption(new Option('--tls', 'ZooKeeper: encrypted, as zks:// is').env('ROLLCALL_TLS'))
    .addOption(
      new Option('--tls-ca <file>', 'the authorities whose servers to trust (PEM)').env('ROLLCALL_TLS_CA'),
    )
    .addOption(new Option('--tls-cert <file>', 'our certificate (PEM)').env('ROLLCALL_TLS_CERT'))
    .addOption(new Option('--tls-key <file>', 'the key of our certificate (PEM)').env('ROLLCALL_TLS_KEY'))
    .option('--auth-file <file>', 'the file whose first line is the secret of --auth', secretIn)
}

/** Adds the options that say which queue. */
export function withQueue(command: Command): Command {
  const which = command.addOption(
    new Option(
      '-q, --queue <url>',
      'the queue: a directory of this machine, or zk://host1:2181,host2:2181/path (zks:// over TLS)',
    ).env('ROLLCALL_QUEUE'),
  )
  return withWay(which).option(
    '--session-timeout <duration>',
    'how long a silent process counts as alive (default 15s)',
    durationFrom('100ms'),
  )
}

/** Adds all that says how to reach what lies on a server, or in a directory of this machine. */
export function withWay(command: Command): Command {
  return withServer(command)
    .option(
      '--connect-timeout <duration>',
      'how long to wait for the server (default 10s)',
      durationFrom('1ms'),
    )
    .option(
      '--shared-directory',
      'local: use it although others may write to a directory above it: they could have your files deleted',
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
