// Opening the queue that a verb is about, with what may have been meant where there is none.

import { readFileSync } from 'node:fs'
import type { ConnectOptions } from '../../queue/types'
import type { WatchdogQueue } from '../../queue/watchdog-queue'
import { WatchdogError } from '../../util/errors'
import type { QueueOptions, ServerOptions } from '../parse/queue-flags'
import { CliError, EXIT } from './exit-codes'
import { placeHint } from './place-hints'

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
    ...serverOptions(options),
    ...(options.sharedDirectory ? { allowSharedDirectory: true } : {}),
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

/** What the flags say of a server, as `connect` takes it. */
export function serverOptions({
  auth,
  authFile,
  tls,
  tlsCa,
  tlsCert,
  tlsKey,
}: ServerOptions): ConnectOptions {
  const options: ConnectOptions = {}
  const secret = authFile ?? auth
  if (secret !== undefined)
    options.auth = secret === 'x509' ? { scheme: 'x509' } : { scheme: 'digest', secret }
  const files = {
    ca: read(tlsCa, '--tls-ca'),
    cert: read(tlsCert, '--tls-cert'),
    key: read(tlsKey, '--tls-key'),
  }
  const given = Object.entries(files).filter(([, text]) => text !== undefined)
  if (given.length > 0) options.tls = Object.fromEntries(given)
  else if (tls) options.tls = true
  return options
}

function read(file: string | undefined, flag: string): string | undefined {
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CliError(EXIT.usage, `Cannot read the file of ${flag}: ${(error as Error).message}`)
  }
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
export function withPlaceHint(error: unknown, url: string, wanted: 'queue' | 'fleet' = 'queue'): unknown {
  if (!(error instanceof WatchdogError)) return error
  const { code, message, path, retryable, maybeApplied } = error
  if (code !== 'ERR_NOT_FOUND' && code !== 'ERR_UNSUPPORTED') return error
  const hint = placeHint(url, wanted)
  if (hint === '') return error
  return new WatchdogError(code, `${message}${hint}`, { cause: error, path, retryable, maybeApplied })
}
