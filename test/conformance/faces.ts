// A queue as people and scrapers see it from outside: on the status page and in the metrics.

import assert from 'node:assert/strict'
import { statusHandler } from '../../lib'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { connect } from '../support/queue'
import { ask, listen } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'
import type { QueuePlace } from './place'

export function queueFaces(place: QueuePlace): void {
  describe(`The status page of a queue, on ${place.name}`, () => {
    it('shows its progress and its expired timers, and counts them for Prometheus', async () => {
      const queue = await connect(await place.freshUrl())
      await queue.createQueue({ timerMs: 1, queue: ['a', 'b', 'c', 'd'] })
      const timer = await queue.createTimer('slow <worker>')
      await (await timer.lease())!.ack()
      await timer.kick({ file: '<i>' })
      const board = open({ baseDir: tempDir() })
      const { port } = await listen(statusHandler(board, { queues: { '<jobs>': queue } }))

      const body = (await eventually(async () => {
        const text = (await ask(port)).body
        return /<b>1<\/b> expired/.test(text) && text
      }, 'the timer to expire')) as string

      assert.match(body, /<h3>&lt;jobs&gt;<\/h3>/)
      assert.match(body, /aria-valuenow="25"/)
      assert.match(body, /<b>4<\/b> items.*<b>1<\/b> done.*<b>3<\/b> ready/)
      assert.match(body, /<td>slow &lt;worker&gt;<\/td>/)
      assert.match(body, /\{&quot;file&quot;:&quot;&lt;i&gt;&quot;\}/)
      const { queues } = JSON.parse((await ask(port, { path: '/?json' })).body)
      assert.deepEqual(queues[0].counts, {
        total: 4,
        ready: 3,
        delayed: 0,
        leased: 0,
        done: 1,
        dead: 0,
        failed: 0,
        retried: 0,
      })
      const metrics = (await ask(port, { path: '/metrics' })).body
      assert.match(metrics, /queue="<jobs>",state="ready"\} 3$/m)
      assert.match(metrics, /queue="<jobs>",state="expired"\} 1$/m)
    })

    it('shows what a worker that died said last, to whoever has seen it before', async () => {
      const url = await place.freshUrl()
      const [watcher, owner] = [await connect(url), await connect(url)]
      // So short that progress is told soon.
      await watcher.createQueue({ queue: ['a'], timerMs: 1000 })
      await owner.attachQueue()
      const timer = await owner.createTimer('dies')
      await timer.lease()
      await timer.kick({ step: 3 })
      const seen = async () => (await watcher.getTimers()).map(({ state, progress }) => [state, progress])
      await eventually(async () => JSON.stringify(await seen()).endsWith(',{"step":3}]]'), 'the progress')

      // With something in hand that is no good end.
      await owner.close()

      await eventually(
        async () => JSON.stringify(await seen()) === '[["died",{"step":3}]]',
        'the last progress',
      )
    })
  })
}
