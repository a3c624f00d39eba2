// Names of pages: what they say, and how they sort.

import assert from 'node:assert/strict'
import {
  comparePages,
  hasNames,
  mayGrow,
  pageName,
  pageTraits,
  timedBase,
} from '../../../lib/queue/page-state/page-name'

const NOW = 1_700_000_000_000

describe('The name of a page', () => {
  it('says its priority and its time', () => {
    const traits = (priority: number, until?: number) => {
      const name = pageName('p00001', { priority, until })
      return [name, pageTraits(name)]
    }

    assert.deepEqual(traits(0), ['p00001', { priority: 0, until: undefined }])
    assert.deepEqual(traits(7), ['h007_p00001', { priority: 7, until: undefined }])
    assert.deepEqual(traits(255, 35.2), ['h255_p00001_d10', { priority: 255, until: 36 }])
    assert.deepEqual(traits(0, NOW), [`p00001_d${NOW.toString(36)}`, { priority: 0, until: NOW }])
  })

  it('never says more than there may be', () => {
    assert.equal(pageTraits('h999_p00001').priority, 255)
    assert.equal(pageTraits('p00001_dzzzzzzzzzzz').until, 8_640_000_000_000_000)
    assert.deepEqual(pageTraits('p00001_dzzzzzzzzzzzz'), { priority: 0, until: undefined })
    assert.deepEqual(pageTraits('xh007_p00001'), { priority: 0, until: undefined })
    assert.deepEqual(pageTraits('p_d10_x'), { priority: 0, until: undefined })
  })

  it('says of those that were added whether they may grow, and whether their items have names', () => {
    const plain = pageName(timedBase(NOW, 'ab12'), { priority: 0 })
    const urgent = pageName(timedBase(NOW, 'ab12'), { priority: 3, until: NOW })
    const named = pageName(timedBase(NOW, 'ab12', { named: true }), { priority: 3 })

    assert.equal(plain, `t${NOW.toString(36).padStart(10, '0')}-ab12`)
    assert.deepEqual([plain, urgent, named, 'p00001', 'xt1-a', 'h03_t1-a'].map(mayGrow), [
      true,
      true,
      false,
      false,
      false,
      false,
    ])
    assert.deepEqual([plain, urgent, named, 'p00001'].map(hasNames), [false, false, true, false])
  })

  it('sorts by priority, then by age', () => {
    const [old, young] = [timedBase(NOW - 1, 'f0'), timedBase(NOW + 0.5, '00')]
    const urgent = pageName(young, { priority: 9 })

    assert.deepEqual([young, old, urgent, 'p00001', 'p00000'].sort(comparePages), [
      urgent,
      'p00000',
      'p00001',
      old,
      young,
    ])
    assert.equal(comparePages(old, old), 0)
    assert.deepEqual([comparePages(old, young), comparePages(young, old)], [-1, 1])
  })
})
