// What people and scripts hand over: URLs, arguments and items. Each parser takes any text, and gives what it
// promises or says what it had expected.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { InvalidArgumentError } from 'commander'
import fc from 'fast-check'
import { integerFrom, octal } from '../../lib/cli/parse/arguments'
import { durationFrom, parseDuration } from '../../lib/cli/parse/duration'
import { readItems } from '../../lib/cli/parse/items'
import { parseExpect } from '../../lib/cli/parse/queue-flags'
import { localDirectory } from '../../lib/queue/connect'
import { badPath, parseZookeeperUrl } from '../../lib/queue/store/zookeeper/url'
import { collect } from '../support/collect'
import { tempDir } from '../support/temp-dir'

/** Text that UTF-8 can say: no half of a pair of surrogates. */
const text = fc.string({ unit: 'binary' }).map((some) => Buffer.from(some).toString())

describe("A queue's URL", () => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`),
  )
  const server = fc.tuple(host, fc.option(fc.integer({ min: 1, max: 65535 })))
  const name = fc.stringMatching(/^[A-Za-z0-9_ äß-]{1,12}$/)

  it('of ZooKeeper gives back its servers and its path', () => {
    fc.assert(
      fc.property(
        fc.array(server, { minLength: 1, maxLength: 4 }),
        fc.array(name, { minLength: 1, maxLength: 4 }),
        (servers, names) => {
          const hosts = servers.map(([text, port]) => (port === null ? text : `${text}:${port}`)).join(',')
          const parsed = parseZookeeperUrl(`zk://${hosts}/q-${names.join('/')}`)

          assert.equal(parsed.root, `/q-${names.join('/')}`)
          assert.deepEqual(
            parsed.hosts,
            servers.map(([text, port]) => ({ host: text.replace(/^\[|\]$/g, ''), port: port ?? 2181 })),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it('of any other kind is refused with what was expected', () => {
    const anything = fc.oneof(
      text,
      fc.stringMatching(/^[a-z0-9.,:[\]/@?#%\\-]{0,30}$/),
      fc.webUrl().map((url) => url.replace(/^https?:\/\//, '')),
    )
    fc.assert(
      fc.property(anything, (rest) => {
        try {
          const { hosts, root } = parseZookeeperUrl(`zk://${rest}`)
          assert.equal(badPath(root), undefined)
          assert.ok(hosts.length > 0 && hosts.every(({ port }) => port >= 1 && port <= 65535))
          assert.ok(hosts.every((one) => one.host !== '' && !/[/,[\]]/.test(one.host)))
        } catch (error) {
          assert.ok(error instanceof TypeError && /^Expected a URL like/.test(error.message))
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('of this machine is a directory, or refused', () => {
    fc.assert(
      fc.property(fc.oneof(text, fc.webUrl()), (url) => {
        try {
          const directory = localDirectory(url)
          assert.ok(directory !== '' && !directory.includes('\0') && url.endsWith(directory))
        } catch (error) {
          assert.ok(error instanceof TypeError && /^Expected a URL like/.test(error.message))
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('An argument on the command line', () => {
  const digits = fc.stringMatching(/^[0-9]{1,30}$/)
  const wordy = fc.oneof(text, digits, fc.stringMatching(/^[0-9a-z.,:%-]{0,20}$/))

  /** What a parser makes of a text, or undefined where it says why not. */
  function tried<T>(parse: (text: string) => T, text: string): T | undefined {
    try {
      return parse(text)
    } catch (error) {
      assert.ok(error instanceof InvalidArgumentError, String(error))
      return undefined
    }
  }

  it('is a duration that a timer can wait for, or refused', () => {
    const durations = fc.oneof(
      wordy,
      fc.tuple(digits, fc.constantFrom('ms', 's', 'm', 'h', 'd')).map((parts) => parts.join('')),
    )

    fc.assert(
      fc.property(durations, (text) => {
        const ms = tried(parseDuration, text)
        if (ms !== undefined) assert.ok(Number.isSafeInteger(ms) && ms >= 0 && ms < 2 ** 31)
        const atLeast = tried(durationFrom('10ms'), text)
        if (atLeast !== undefined) assert.ok(atLeast >= 10)
      }),
      { numRuns: 2000 },
    )
    assert.throws(() => parseDuration('25d'), InvalidArgumentError)
    assert.equal(parseDuration('1.5m'), 90_000)
  })

  it('is a number inside its limits, or refused', () => {
    fc.assert(
      fc.property(wordy, (text) => {
        const number = tried(integerFrom(2, 3600), text)
        if (number !== undefined) assert.ok(Number.isInteger(number) && number >= 2 && number <= 3600)
        const mode = tried(octal, text)
        if (mode !== undefined) assert.ok(mode >= 0 && mode <= 0o7777)
      }),
      { numRuns: 2000 },
    )
  })

  it('names the workers to expect, a million at most, or is refused', () => {
    const part = fc.oneof(
      fc.tuple(digits, digits).map((ends) => ends.join('-')),
      fc.tuple(fc.nat(200), fc.nat(200), fc.nat(9)).map(([from, to, step]) => `${from}-${to}:${step}`),
      fc.stringMatching(/^[a-z]{1,3}$/),
    )
    const lists = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(','))

    fc.assert(
      fc.property(fc.oneof(wordy, lists), (text) => {
        const expected = tried(parseExpect, text)
        if (typeof expected === 'number') assert.ok(expected <= 1_000_000)
        if (Array.isArray(expected))
          assert.ok(expected.length <= 1_000_000 && expected.every((id) => id !== ''))
      }),
      { numRuns: 1000 },
    )
  })

  it('that names a range without end is refused at once', () => {
    for (const text of [
      '100000000000000000000-100000000000000000000',
      '9007199254740991-9007199254740991',
      '1-1000000,1-1000000',
      '1000001',
    ]) {
      assert.throws(() => parseExpect(text), InvalidArgumentError)
    }
    assert.equal((parseExpect('1-1000000') as string[]).length, 1_000_000)
  })
})

describe('Items in a file', () => {
  it('come back as they were written, one a line or ended by NUL', async () => {
    const directory = tempDir()
    const line = text.map((some) => some.replace(/[\n\r\0]/g, ''))

    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 20 }),
        fc.boolean(),
        fc.boolean(),
        async (items, nul, last) => {
          const end = nul ? '\0' : '\n'
          const file = path.join(directory, 'items')
          const isEnded = last || items.at(-1) === ''
          fs.writeFileSync(file, items.join(end) + (isEnded && items.length > 0 ? end : ''))

          assert.deepEqual(await collect(readItems(file, nul)), items)
        },
      ),
      { numRuns: 200 },
    )
  })

  it('come back whole where a piece of the file ends in the middle of a character', async () => {
    const file = path.join(tempDir(), 'items')
    const items = [`${'a'.repeat(65_535)}ä`, '€'.repeat(50_000), 'end']
    fs.writeFileSync(file, items.join('\n'))

    assert.deepEqual(await collect(readItems(file, false)), items)
  })
})
