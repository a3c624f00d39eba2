// Values as text: what others wrote, statuses, ages.

import assert from 'node:assert/strict'

import { ageText, cut, escapeControls, statusText } from '../../lib/view/text'

describe('Text for a terminal', () => {
  it('shows what a terminal would obey, and keeps what people write', () => {
    assert.equal(escapeControls('a\x1b[2J\x07\x7f\x9b\r\n\t\0'), 'a\\x1b[2J\\x07\\x7f\\x9b\\r\\n\\t\\x00')
    assert.equal(escapeControls('\u202eevil\u2066\u2028\ufeff'), '\\u{202e}evil\\u{2066}\\u{2028}\\u{feff}')
    assert.equal(escapeControls('lone \ud800 surrogate'), 'lone \ufffd surrogate')
    assert.equal(escapeControls('日本語 नमस्ते 👨‍👩‍👧 می‌خواهم'), '日本語 नमस्ते 👨‍👩‍👧 می‌خواهم')
  })

  it('cuts by columns, never inside a character', () => {
    assert.equal(cut('abcdef', 6), 'abcdef')
    assert.equal(cut('abcdef', 5), 'abcd…')
    assert.equal(cut('日本語', 6), '日本語')
    assert.equal(cut('日本語', 5), '日本…')
    assert.equal(cut('日本語', 4), '日…')
    assert.equal(cut('👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧', 5), '👨‍👩‍👧👨‍👩‍👧…')
    assert.equal(cut('e\u0301'.repeat(4), 3), `${'e\u0301'.repeat(2)}…`)
    assert.equal(cut('abc', 1), '…')
    assert.equal(cut('abc', 0), '')
  })

  it('looks at the beginning only of a status that is huge', () => {
    assert.equal(statusText('x'.repeat(1 << 24), 5), 'xxxx…')
    assert.ok(statusText(`e${'\u0301'.repeat(1 << 24)}`, 5).length <= 40)
    assert.equal(statusText(Buffer.alloc(1 << 24, 1), 20), '<16777216 bytes> 01…')
  })

  it('names every kind of status', () => {
    const kinds = ['text', '', 0, false, null, [1], { a: 'b\n' }, Buffer.from('hi'), undefined] as const
    assert.deepEqual(
      kinds.map((status) => statusText(status, Infinity)),
      ['text', '', '0', 'false', 'null', '[1]', '{"a":"b\\n"}', '<2 bytes> 6869', '(no update yet)'],
    )
  })

  it('says an age in a few characters', () => {
    const ages = [undefined, -1, 0, 349, 9_999, 12_345, 303_000, 7_440_000, 273_600_000]
    assert.deepEqual(ages.map(ageText), [
      '-',
      '0.0s',
      '0.0s',
      '0.3s',
      '10.0s',
      '12s',
      '5m03s',
      '2h04m',
      '3d04h',
    ])
  })
})
