// `rollcall work` is killed while its commands run, again and again: no command outlives it, every item is done, and
// two attempts at one item never overlap.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pidsWithEnv, type RunningCli, startCli } from '../../support/cli'
import { eventually } from '../../support/eventually'
import { describeZookeeper, uniqueUrl } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

/**
 * It does not end when asked to, and not by itself before the last worker has come, so that each kill hits items that
 * were killed before, and idle workers are waiting for them. An earlier attempt that lives yet is seen by the next.
 */
const JOB = `trap '' TERM
begun=begun/$ROLLCALL_ITEM
[ -e $begun ] && read before < $begun && kill -0 $before 2> /dev/null && echo $ROLLCALL_ITEM >> overlaps
echo $$ > $begun
echo $ROLLCALL_ITEM >> log-$LANE
while [ ! -e last ]; do sleep 0.02; done
echo > done/$ROLLCALL_ITEM
`

interface Trial {
  cwd: string
  items: number
  /** Its commands tell in `log-<lane>` that they have begun. */
  start(lane: number): RunningCli
}

function prepare(items: number, more: string[]): Trial {
  const cwd = tempDir()
  for (const name of ['begun', 'done']) mkdirSync(join(cwd, name))
  writeFileSync(join(cwd, 'job'), `cd '${cwd}'\n${JOB}`)
  writeFileSync(join(cwd, 'list'), Array.from({ length: items }, (_, i) => `${i}\n`).join(''))
  const args = ['work', '-j', '4', '-a', join(cwd, 'list'), '--attempts', '1000', ...more]
  return {
    cwd,
    items,
    start: (lane) =>
      startCli([...args, '--', 'sh', join(cwd, 'job')], { ROLLCALL_KILL_TEST: cwd, LANE: String(lane) }),
  }
}

/** Kills it at a moment of its own once a command of it has begun. */
async function killOne({ cwd, start }: Trial, lane: number): Promise<boolean> {
  const log = join(cwd, `log-${lane}`)
  const size = () => statSync(log, { throwIfNoEntry: false })?.size ?? 0
  const before = size()
  const worker = start(lane)
  await eventually(() => size() > before || worker.child.exitCode !== null, 'a command to begin')
  await delay(randomInt(60))
  worker.child.kill('SIGKILL')
  return (await worker.ended()).signal === 'SIGKILL'
}

async function proveAll(trial: Trial): Promise<void> {
  writeFileSync(join(trial.cwd, 'last'), '')
  const { code, stderr } = await trial.start(0).ended()
  assert.equal(code, 0, stderr)
  assert.equal(readdirSync(join(trial.cwd, 'done')).length, trial.items)
  assert.equal(existsSync(join(trial.cwd, 'overlaps')), false, 'two attempts of one item overlapped')
  await eventually(
    () => pidsWithEnv('ROLLCALL_KILL_TEST', trial.cwd).length === 0,
    () => `the end of ${pidsWithEnv('ROLLCALL_KILL_TEST', trial.cwd)}`,
  )
}

describe('rollcall work, killed', function () {
  this.timeout(240_000)

  it('fifty times at random, leaves no command behind, and everything is done', async () => {
    const trial = prepare(10, [])
    let kills = 0
    const lane = async (number: number) => {
      for (let i = 0; i < 10; i++) if (await killOne(trial, number)) kills++
    }

    await Promise.all([1, 2, 3, 4, 5].map(lane))

    assert.equal(kills, 50, 'some had nothing to do any more')
    await proveAll(trial)
  })
})

describeZookeeper('rollcall work, killed, on ZooKeeper', function () {
  this.timeout(240_000)

  it('leaves no command behind, and is overtaken only when they are gone', async () => {
    const trial = prepare(8, ['--queue', await uniqueUrl(), '--session-timeout', '2s'])
    for (let kill = 0; kill < 3; kill++) await killOne(trial, 1)

    await proveAll(trial)
  })
})
