// Telling another process with what people use today: the time until it knows.

import path from 'node:path'
import { startNode, stop } from '../harness/machine'
import { CHILDREN_DIR } from '../harness/paths'
import type { Measurement, Trial, TrialParams } from '../harness/plan'
import { nowNs } from '../measure'

const MESSAGES = { quick: 100, full: 1000 }

async function processSend({ quick, otherCore, dir }: TrialParams): Promise<Measurement> {
  const worker = startNode(path.join(CHILDREN_DIR, 'stamper.js'), ['send', dir], otherCore)
  const values: number[] = []
  await new Promise<void>((resolve, reject) => {
    worker.once('exit', () => reject(new Error('the sender ended')))
    worker.on('message', (stamp) => {
      values.push((nowNs() - Number(stamp)) / 1e3)
      if (values.length > (quick ? MESSAGES.quick : MESSAGES.full)) resolve()
    })
  })
  await stop(worker)
  return { unit: 'us', values: values.slice(1) }
}

export const wakeTrials: Trial[] = [{ name: 'process.send to its event', role: 'rival', run: processSend }]
