// What a caller of the queue passes in, checked once.

import { isTimerId, MAX_ATTEMPTS, MAX_EXPECTED, MAX_ID_BYTES, MAX_MS, MAX_PRIORITY } from '../util/bounds'
import {
  checkOptions,
  describeValue,
  optionalBoolean,
  optionalInteger,
  optionalSignal,
} from '../util/check-options'
import type { CreateRequest } from './incarnation/create'
import { MAX_AFTER } from './incarnation/queue-record'
import type { AddRequest, AddTraits } from './items/adder'
import type { Backoff, Settings } from './store/settings'
import type { AddOptions, BackoffOptions, ConnectOptions, CreateQueueOptions, ItemsOptions } from './types'

const DEFAULT_TIMER_MS = 120_000
const DEFAULT_MAX_ATTEMPTS = 3
const MAX_PURPOSE = 4096
const DAY_MS = 24 * 3_600_000
const KEEP_MEMBERS_MS = DAY_MS

function oneOf<T extends string>(value: unknown, name: string, known: readonly T[]): T | undefined {
  if (value === undefined || known.includes(value as T)) return value as T | undefined
  const list = known.map((one) => `'${one}'`).join(' or ')
  throw new TypeError(`Expected option '${name}' to be ${list}, got ${describeValue(value)}`)
}

/** Any text that is not empty and has no NUL, up to 1,024 bytes. */
export function checkTimerId(id: unknown): void {
  if (typeof id !== 'string')
    throw new TypeError(`Expected the timer's id to be a string, got ${describeValue(id)}`)
  if (!isTimerId(id)) {
    throw new RangeError(
      `Expected the timer's id to be 1 to ${MAX_ID_BYTES} bytes without NUL, got ${describeValue(id)}`,
    )
  }
}

function checkExpect(expect: unknown): void {
  if (expect === undefined) return
  if (Array.isArray(expect)) {
    if (expect.length > MAX_EXPECTED) {
      throw new RangeError(
        `Expected option 'expect' to name at most ${MAX_EXPECTED} workers, got ${expect.length}`,
      )
    }
    for (const id of expect) checkTimerId(id)
  } else optionalInteger(expect, 'expect', 0, MAX_EXPECTED)
}

export function checkCreateOptions<Item>(options: CreateQueueOptions<Item>): CreateRequest {
  const known = [
    ...['timerMs', 'queue', 'syncStart', 'expect', 'maxAttempts', 'onExpire', 'ifExists', 'sealed'],
    ...['purpose', 'changePurpose'],
    ...['backoff', 'priority', 'delayMs', 'results', 'after', 'afterDead', 'keepDone', 'keepMembersMs'],
  ]
  checkOptions(options, known, 'the options of createQueue()')
  const { queue, expect } = options
  const iterable = queue as { [Symbol.iterator]?: unknown; [Symbol.asyncIterator]?: unknown } | undefined
  if (
    queue !== undefined &&
    (typeof queue === 'string' || !(iterable?.[Symbol.iterator] ?? iterable?.[Symbol.asyncIterator]))
  ) {
    throw new TypeError(
      `Expected option 'queue' to be a list or an iterable of items, got ${describeValue(queue)}`,
    )
  }
  checkExpect(expect)
  const sealed = optionalBoolean(options.sealed, 'sealed') ?? true
  const ifExists =
    oneOf(options.ifExists, 'ifExists', ['error', 'attach', 'replace', 'extend'] as const) ?? 'error'
  return {
    settings: {
      timerMs: optionalInteger(options.timerMs, 'timerMs', 1, MAX_MS) ?? DEFAULT_TIMER_MS,
      maxAttempts:
        optionalInteger(options.maxAttempts, 'maxAttempts', 1, MAX_ATTEMPTS) ?? DEFAULT_MAX_ATTEMPTS,
      onExpire: oneOf(options.onExpire, 'onExpire', ['report', 'requeue'] as const) ?? 'report',
      expect,
      itemless: queue === undefined && sealed,
      ...newSettings(options, { sealed, isList: ifExists === 'extend' }),
    },
    items: queue ?? [],
    syncStart: optionalBoolean(options.syncStart, 'syncStart') ?? false,
    sealed,
    ifExists,
    ...checkPurpose(options, ifExists),
    traits: itemTraits(options),
  }
}

function checkPurpose(
  { purpose, changePurpose }: { purpose?: string; changePurpose?: boolean },
  ifExists: CreateRequest['ifExists'],
): Pick<CreateRequest, 'purpose'> {
  const mayChange = optionalBoolean(changePurpose, 'changePurpose') ?? false
  if (purpose === undefined) return {}
  if (typeof purpose !== 'string' || purpose.length > MAX_PURPOSE) {
    throw new TypeError(
      `Expected option 'purpose' to be a text of at most ${MAX_PURPOSE} characters, got ${describeValue(purpose)}`,
    )
  }
  if (ifExists !== 'extend') throw new TypeError("Expected option 'purpose' only with 'ifExists': 'extend'")
  return { purpose: { text: purpose, mayChange } }
}

/** What is left out is not in the record of the queue, so that older versions know it. */
function newSettings<Item>(
  options: CreateQueueOptions<Item>,
  { sealed, isList }: { sealed: boolean; isList: boolean },
): Partial<Settings> {
  const backoff = checkBackoff(options.backoff)
  const results = optionalBoolean(options.results, 'results') ?? false
  const after = checkAfter(options.after)
  const afterDead = oneOf(options.afterDead, 'afterDead', ['wait', 'run'] as const)
  const keepDone =
    oneOf(options.keepDone, 'keepDone', ['counts', 'all'] as const) ??
    (sealed || results || isList ? 'all' : 'counts')
  const forgets = keepDone === 'counts'
  if (forgets && results) {
    throw new TypeError("Expected option 'keepDone' to be 'all' with 'results': results go with their items")
  }
  if (forgets && isList) {
    throw new TypeError(
      "Expected option 'keepDone' to be 'all' with 'ifExists': 'extend', which compares items",
    )
  }
  const keepMembersMs =
    optionalInteger(options.keepMembersMs, 'keepMembersMs', 0, MAX_MS) ??
    (forgets ? KEEP_MEMBERS_MS : undefined)
  return {
    ...(backoff === undefined ? {} : { backoff }),
    ...(results ? { results } : {}),
    ...(after.length === 0 ? {} : { after, afterDead: afterDead ?? 'wait' }),
    ...(forgets ? { keepDone } : {}),
    ...(keepMembersMs === undefined ? {} : { keepMembersMs }),
  }
}

function checkBackoff(backoff: unknown): Backoff | undefined {
  if (backoff === undefined) return undefined
  checkOptions(backoff, ['delayMs', 'factor', 'maxDelayMs', 'jitter'], "option 'backoff'")
  const given = backoff as BackoffOptions
  const delayMs = optionalInteger(given.delayMs, 'backoff.delayMs', 1, MAX_MS)
  if (delayMs === undefined)
    throw new TypeError("Expected option 'backoff.delayMs' to be an integer, got undefined")
  return {
    delayMs,
    factor: optionalNumber(given.factor, 'backoff.factor', 1, 100) ?? 2,
    maxDelayMs: optionalInteger(given.maxDelayMs, 'backoff.maxDelayMs', 1, MAX_MS) ?? DAY_MS,
    jitter: optionalNumber(given.jitter, 'backoff.jitter', 0, 1) ?? 0.1,
  }
}

function optionalNumber(value: unknown, name: string, min: number, max: number): number | undefined {
  if (value === undefined) return undefined
  const expected = `Expected option '${name}' to be a number from ${min} to ${max}, got ${describeValue(value)}`
  if (typeof value !== 'number') throw new TypeError(expected)
  if (!(value >= min && value <= max)) throw new RangeError(expected)
  return value
}

function checkAfter(after: unknown): string[] {
  if (after === undefined) return []
  const urls = Array.isArray(after) ? after : [after]
  if (urls.length > MAX_AFTER) {
    throw new RangeError(`Expected option 'after' to name at most ${MAX_AFTER} queues, got ${urls.length}`)
  }
  for (const url of urls) {
    if (typeof url === 'string' && url.trim() !== '') continue
    throw new TypeError(
      `Expected option 'after' to be the URL of a queue, or a list of them, got ${describeValue(url)}`,
    )
  }
  return urls
}

function itemTraits(options: { priority?: number; delayMs?: number }): AddTraits {
  return {
    priority: optionalInteger(options.priority, 'priority', 0, MAX_PRIORITY) ?? 0,
    delayMs: optionalInteger(options.delayMs, 'delayMs', 0, MAX_MS) ?? 0,
  }
}

export function checkAddOptions<Item>(options: AddOptions<Item>): AddRequest {
  checkOptions(options, ['priority', 'delayMs', 'id'], 'the options of add()')
  if (options.id !== undefined && typeof options.id !== 'function')
    throw new TypeError(`Expected option 'id' to be a function, got ${describeValue(options.id)}`)
  return { ...itemTraits(options), id: options.id as AddRequest['id'] }
}

export function checkItemsOptions(options: ItemsOptions): void {
  checkOptions(options, ['state', 'limit'], 'the options of items()')
  oneOf(options.state, 'state', ['ready', 'delayed', 'leased', 'done', 'dead'] as const)
  optionalInteger(options.limit, 'limit', 0, Number.MAX_SAFE_INTEGER)
}

/** What has a secret in it is not shown, whatever else it is. */
function secretObject(value: unknown, name: string): void {
  if (typeof value === 'object') return
  throw new TypeError(`Expected option '${name}' to be an object, got a ${typeof value}`)
}

export function checkConnectOptions(options: ConnectOptions): void {
  const known = [
    ...['sessionTimeoutMs', 'session', 'connectTimeoutMs', 'auth', 'tls', 'heartbeat'],
    ...['allowSharedDirectory', 'signal'],
  ]
  checkOptions(options, known, 'the options of connect()')
  optionalInteger(options.sessionTimeoutMs, 'sessionTimeoutMs', 100, 3_600_000)
  optionalInteger(options.connectTimeoutMs, 'connectTimeoutMs', 1, MAX_MS)
  oneOf(options.heartbeat, 'heartbeat', ['loop', 'thread'] as const)
  optionalBoolean(options.allowSharedDirectory, 'allowSharedDirectory')
  optionalSignal(options.signal, 'signal')
  if (options.session !== undefined) {
    secretObject(options.session, 'session')
    checkOptions(options.session, ['id', 'password'], "option 'session'")
    const { id, password } = options.session
    if (!/^[0-9a-fA-F]{1,16}$/.test(id) || !/^[0-9a-fA-F]{32}$/.test(password)) {
      throw new TypeError("Expected option 'session' to be what another handle's `session` was")
    }
  }
  checkTls(options.tls)
  if (options.auth !== undefined) checkAuth(options.auth, options.tls)
}

function checkAuth(auth: NonNullable<ConnectOptions['auth']>, tls: ConnectOptions['tls']): void {
  secretObject(auth, 'auth')
  const { scheme, secret } = auth as { scheme: unknown; secret: unknown }
  checkOptions(auth, scheme === 'x509' ? ['scheme'] : ['scheme', 'secret'], "option 'auth'")
  if (scheme === 'x509') {
    if (typeof tls === 'object' && tls.cert !== undefined) return
    throw new TypeError("Expected options 'tls.cert' and 'tls.key' with the auth scheme 'x509'")
  }
  if (scheme !== 'digest') throw new TypeError("Expected option 'auth.scheme' to be 'digest' or 'x509'")
  if (typeof secret !== 'string' || !/^[^:]+:.+$/s.test(secret)) {
    throw new TypeError("Expected option 'auth.secret' to be 'user:password'")
  }
}

function checkTls(tls: ConnectOptions['tls']): void {
  if (tls === undefined || typeof tls === 'boolean') return
  secretObject(tls, 'tls')
  const known = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized']
  checkOptions(tls, known, "option 'tls'")
  const isText = (one: unknown) => typeof one === 'string' || one instanceof Uint8Array
  for (const name of ['ca', 'cert', 'key'] as const) {
    const value: unknown = tls[name]
    const parts = name === 'ca' && Array.isArray(value) ? value : [value]
    if (value !== undefined && !parts.every(isText)) {
      throw new TypeError(`Expected option 'tls.${name}' to be the text of a PEM file, got a ${typeof value}`)
    }
  }
  for (const name of ['passphrase', 'servername'] as const) {
    if (tls[name] !== undefined && typeof tls[name] !== 'string')
      throw new TypeError(`Expected option 'tls.${name}' to be a string, got a ${typeof tls[name]}`)
  }
  optionalBoolean(tls.rejectUnauthorized, 'tls.rejectUnauthorized')
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new TypeError("Expected options 'tls.cert' and 'tls.key' together")
}
