// Numbers, permission bits and durations as they come from a command line.

import assert from 'node:assert/strict'

import { integerFrom, octal } from '../../../lib/cli/parse/arguments'
import { durationFrom, durationText, parseDuration } from '../../../lib/cli/parse/duration'

describe('Numbers on the command line', () => {
  it('are durations with a unit', () => {
    const written = ['500ms', '0s', '120s', '1.5m', '2h', '1d', ' 5s ']
    assert.deepEqual(written.map(parseDuration), [500, 0, 120_000, 90_000, 7_200_000, 86_400_000, 5_000])
    for (const text of ['', '5', 's', '-5s', '5 s', '1e3s', '5sec', 'Infinity']) {
      assert.throws(() => parseDuration(text), /Expected a duration like/)
    }
    assert.throws(() => durationFrom('50ms')('49ms'), /at least 50ms/)
    assert.equal(durationFrom('50ms')('50ms'), 50)
  })

  it('are guessed, where the unit is missing, and said as they would be given', () => {
    assert.throws(() => parseDuration('10000'), /Did you mean 10000ms\?/)
    assert.throws(() => parseDuration('2'), /Did you mean 2s\?/)
    assert.throws(() => parseDuration('2 seconds'), /or 2h\.$/)
    const said = ['0ms', '50ms', '1500ms', '10s', '90s', '2m', '1h', '1d']
    assert.deepEqual(
      said.map((text) => durationText(parseDuration(text))),
      said,
    )
  })

  it('are permission bits in octal', () => {
    assert.deepEqual(['0660', '660', '0'].map(octal), [0o660, 0o660, 0])
    for (const text of ['', '0o660', '888', '12345', 'rw']) {
      assert.throws(() => octal(text), /permission bits in octal/)
    }
  })

  it('are whole numbers within limits', () => {
    assert.equal(integerFrom(1, 10)('10'), 10)
    for (const text of ['0', '11', '1.0', '1e1', '', '-1', 'x']) {
      assert.throws(() => integerFrom(1, 10)(text), /whole number from 1 to 10/)
    }
  })
})
