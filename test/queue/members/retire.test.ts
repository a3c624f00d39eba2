// Workers that have ended go from a queue that lives for months; those that are at work never do, whoever comes at
// whatever moment.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { attach } from '../../../lib/queue/incarnation/attach'
import { Retirement } from '../../../lib/queue/members/retire'
import { inspect } from '../../support/inspection'
import { interleaved } from '../../support/interleaved-store'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

describe('The retirement of workers that have ended', () => {
  it('spares a worker that comes while it looks', async () => {
    const directory = join(tempDir(), 'queue')
    const queue = await connect(directory)
    await queue.createQueue({ sealed: false, keepMembersMs: 0 })
    await (await queue.createTimer('ended')).end()
    const { store } = await inspect(directory)
    let looks = 0
    const looking = interleaved(store, async ({ method }) => {
      if (method === 'list' && ++looks === 2) await queue.createTimer('new')
    })

    await new Retirement(await attach(looking, {})).look()

    assert.equal(looks, 2)
    assert.deepEqual(
      (await queue.getTimers()).map(({ id, state }) => [id, state]),
      [['new', 'alive']],
    )
  })
})
