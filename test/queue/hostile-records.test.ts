// What comes from files and servers, as anybody may have written it: each decoder takes anything, and what
// it lets through is what it promises.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { WatchdogError } from '../../lib'
import { native } from '../../lib/binding'
import { decodeRecord, FORMAT_VERSION, type QueueRecord } from '../../lib/queue/incarnation/queue-record'
import { decodeDeadLetter } from '../../lib/queue/items/dead-letter'
import { decodeMember, type Member } from '../../lib/queue/members/member'
import { decodeState, encodeState } from '../../lib/queue/page-state/codec'
import { encodePages, itemAt, pageIndex, pageSize } from '../../lib/queue/page-state/item-page'
import {
  ack,
  claim,
  consume,
  counts,
  isComplete,
  newState,
  type PageState,
  reap,
  redrive,
  SOURCES,
  settle,
} from '../../lib/queue/page-state/page-state'
import type { Settings } from '../../lib/queue/store/settings'
import { decodeStatus, Encoding, encodeStatus } from '../../lib/scoreboard/codec'
import { overflowFileName, parseOverflowFileName, readOverflow } from '../../lib/scoreboard/overflow'
import { MAX_ATTEMPTS, MAX_EXPECTED, MAX_MS, MAX_PAGE_ITEMS } from '../../lib/util/bounds'
import { collect } from '../support/collect'
import { bytesLike } from '../support/damaged'
import { tempDir } from '../support/temp-dir'

/** Text that UTF-8 can say: no half of a pair of surrogates. */
const text = fc.string({ unit: 'binary' }).map((some) => Buffer.from(some).toString())

/** A page in the middle of its life: something in every place. */
function lively(): PageState {
  let state = newState(20)
  for (const wid of ['a', 'b', 'c', 'd']) {
    state = claim(state, { token: `t-${wid}`, wid, max: 4, source: 'fresh' }).state
  }
  for (const index of [0, 2]) {
    state = ack(state, { token: 't-a', indexes: [index] }).state
  }
  state = settle(state, { token: 't-b', index: 4, as: 'nack', maxAttempts: 3 }).state
  state = settle(state, { token: 't-b', index: 5, as: 'nack', maxAttempts: 1 }).state
  state = reap(state, { isGone: (wid) => wid === 'c', maxAttempts: 3 }).state
  return consume(state, { handle: 'h', seq: 1, source: 'fresh' }).state
}

function assertBalanced(state: PageState): void {
  const { total, ready, leased, done, dead } = counts(state)
  assert.equal(ready + leased + done + dead, total)
  for (const count of [total, ready, leased, done, dead]) assert.ok(Number.isInteger(count) && count >= 0)
}

describe('The state of a page, as a store gives it', () => {
  it('is none, or one on which every step keeps every item in one place', () => {
    let accepted = 0

    fc.assert(
      fc.property(bytesLike(lively()), fc.constantFrom(...SOURCES), fc.nat(25), (bytes, source, index) => {
        const state = decodeState(bytes)
        if (state === undefined) return
        accepted++
        assertBalanced(state)
        assert.ok(state.size <= MAX_PAGE_ITEMS)
        for (const { wid, token } of state.claims) assert.doesNotMatch(wid + token, /[/\0]/)
        isComplete(state)
        assert.deepEqual(decodeState(encodeState(state)), state)
        assertBalanced(claim(state, { token: 'new', wid: 'w', max: 5, source }).state)
        assertBalanced(consume(state, { handle: 'new', seq: 1, source }).state)
        assertBalanced(settle(state, { token: 't-a', index, as: 'nack', maxAttempts: 2 }).state)
        assertBalanced(reap(state, { isGone: () => true, maxAttempts: 2 }).state)
        assertBalanced(redrive(state, [index]).state)
      }),
      { numRuns: 2000 },
    )

    assert.ok(accepted > 0)
  })
})

describe('The records of a queue, as a store gives them', () => {
  it('are members, or none', () => {
    const member: Member = { id: 'w', pid: 1, host: 'h', startedAt: 5, status: 'failed', code: 3 }

    fc.assert(
      fc.property(bytesLike(member), (bytes) => {
        const decoded = decodeMember(bytes)
        if (decoded === undefined) return
        assert.equal(typeof decoded.id, 'string')
        assert.ok(['running', 'done', 'failed', 'expired', 'cleared'].includes(decoded.status))
        // What every face does with it.
        assert.doesNotThrow(() => new Date(decoded.startedAt).toISOString())
        for (const number of [decoded.pid, decoded.deathDelayMs ?? 0])
          assert.ok(number >= 0 && number < 2 ** 53)
      }),
      { numRuns: 1000 },
    )
    assert.deepEqual(decodeMember(Buffer.from(JSON.stringify(member))), member)
  })

  it('are letters, or say that they are damaged', () => {
    const letter = { attempts: 3, error: { message: 'why' }, worker: 'w' }

    fc.assert(
      fc.property(bytesLike(letter), (bytes) => {
        const decoded = decodeDeadLetter(bytes)
        assert.ok(decoded.attempts >= 0 && decoded.attempts <= MAX_ATTEMPTS)
        assert.doesNotMatch(decoded.wid ?? '', /[/\0]/)
        assert.ok(decoded.error === undefined || typeof decoded.error.message === 'string')
      }),
      { numRuns: 1000 },
    )
    assert.equal(decodeDeadLetter(Buffer.from(JSON.stringify(letter))).worker, 'w')
  })

  it('are roots of a queue, none, or of a version that is named', () => {
    const settings: Settings = {
      timerMs: 5,
      maxAttempts: 3,
      onExpire: 'report',
      expect: ['a'],
      itemless: false,
    } as const
    const record: QueueRecord = {
      format: 'rollcall-queue',
      version: FORMAT_VERSION,
      run: '0123456789abcdef',
      phase: 'open',
      capability: '0123456789abcdef'.repeat(2),
      settings,
    }

    fc.assert(
      fc.property(bytesLike(record), (bytes) => {
        let decoded: QueueRecord | undefined
        try {
          decoded = decodeRecord(bytes, 'zk://h/q')
        } catch (error) {
          assert.ok(error instanceof WatchdogError && error.code === 'ERR_VERSION')
        }
        const isUsable = decoded?.phase === 'open' || decoded?.phase === 'sealed'
        if (decoded !== undefined) assert.match(decoded.run, /^[0-9a-f]{16}$/)
        if (!isUsable) return
        const { timerMs, maxAttempts, expect } = decoded!.settings!
        assert.match(decoded!.capability!, /^[0-9a-f]{32}$/)
        assert.ok(timerMs >= 1 && timerMs <= MAX_MS && maxAttempts >= 1 && maxAttempts <= MAX_ATTEMPTS)
        assert.ok(typeof expect !== 'number' || (expect >= 0 && expect <= MAX_EXPECTED))
      }),
      { numRuns: 1000 },
    )
    assert.deepEqual(decodeRecord(Buffer.from(JSON.stringify(record)), 'zk://h/q'), record)
    assert.equal(decodeRecord(Buffer.from('null'), 'zk://h/q'), undefined)
  })
})

describe('A page of items, as a store gives it', () => {
  it('is none, or one whose items can all be read', async () => {
    const [page] = await collect(encodePages(['text', Buffer.from([0, 255]), { json: [1] }, '']))
    const flips = fc.array(fc.tuple(fc.nat(page!.bytes.length - 1), fc.nat(255)), { maxLength: 4 })

    fc.assert(
      fc.property(flips, fc.nat(page!.bytes.length + 8), (changes, length) => {
        const bytes = Buffer.alloc(length)
        page!.bytes.copy(bytes)
        for (const [at, value] of changes) if (at < length) bytes[at] = value
        assert.ok((pageSize(bytes) ?? 0) <= bytes.length)
        for (const offset of pageIndex(bytes) ?? []) assert.doesNotThrow(() => readable(bytes, offset))
      }),
      { numRuns: 2000 },
    )
  })

  /** JSON that was damaged says so; nothing else goes wrong. */
  function readable(bytes: Buffer, offset: number): void {
    try {
      itemAt(bytes, offset)
    } catch (error) {
      assert.ok(error instanceof SyntaxError)
    }
  }
})

describe('A status, as a board gives it', () => {
  it('is what was written, whatever it was', () => {
    const status = fc.oneof(
      text,
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.jsonValue().map((value) => ({ value: JSON.parse(JSON.stringify(value)) })),
    )

    fc.assert(
      fc.property(status, (value) => {
        const { bytes, encoding } = encodeStatus(value)
        assert.deepEqual(decodeStatus(Buffer.from(bytes), encoding), value)
      }),
      { numRuns: 500 },
    )
  })

  it('is some value, or JSON that is none, for any bytes under any encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.constantFrom(...Object.values(Encoding)), (bytes, encoding) => {
        try {
          decodeStatus(Buffer.from(bytes), encoding)
        } catch (error) {
          assert.ok(error instanceof SyntaxError && encoding === Encoding.json)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

describe('An overflow file', () => {
  const owner = { boardId: '0123456789abcdef0123456789abcdef', slot: 3, epoch: 7, generation: 2 }

  it('has a name that is read back as it was made, and no other text is taken for one', () => {
    const count = fc.maxSafeNat()
    const id = fc.stringMatching(/^[0-9a-f]{32}$/)
    fc.assert(
      fc.property(id, count, count, count, (boardId, slot, epoch, generation) => {
        const name = { boardId, slot, epoch, generation }
        assert.deepEqual(parseOverflowFileName(overflowFileName(name)), name)
      }),
      { numRuns: 300 },
    )
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^ov-[0-9a-f]{30,34}(-\d{0,4}){2,4}$/)),
        (text) => {
          const name = parseOverflowFileName(text)
          if (name !== undefined) assert.match(text, /^ov-[0-9a-f]{32}-\d+-\d+-\d+$/)
        },
      ),
      { numRuns: 1000 },
    )
  })

  it('is given back only when its length and checksum are those of its record', () => {
    const directory = tempDir()
    const file = path.join(directory, overflowFileName(owner))
    const number = fc.oneof(fc.nat(300), fc.integer(), fc.double(), fc.constantFrom(2 ** 53, -1, 2 ** 32))

    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        number,
        number,
        fc.boolean(),
        (bytes, length, crc, honest) => {
          fs.writeFileSync(file, bytes)
          const truth = { length: bytes.length, crc32c: native.crc32c(bytes) }
          const record = honest ? truth : { length, crc32c: crc }
          const found = readOverflow(directory, { ...owner, ...record, uid: process.getuid!() }, 250)

          const isRight =
            record.length === truth.length && record.crc32c === truth.crc32c && bytes.length <= 250
          assert.equal('bytes' in found, isRight)
          if ('bytes' in found) assert.deepEqual(found.bytes, Buffer.from(bytes))
          else assert.equal(found.problem, 'corrupt')
        },
      ),
      { numRuns: 500 },
    )
  })
})
