// A machine that has no room for commands, or on which nothing succeeds: the items are not to blame, and go back as
// they were.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { QueueCounts } from '../../../lib'
import { copyForAll, SOMEBODY } from '../../support/other-user'
import { connect } from '../../support/queue'
import { shell } from '../../support/shell'
import { mountSmallDisk } from '../../support/small-disk'
import { tempDir } from '../../support/temp-dir'

/** Becomes a user whom limits bind, who may yet enter what only root may. */
const BOUND = `setpriv --reuid=${SOMEBODY} --clear-groups --inh-caps=+dac_override --ambient-caps=+dac_override`
const isRoot = process.geteuid!() === 0

/** What has become of the items. */
async function counts(cwd: string): Promise<string> {
  const queue = await connect(join(cwd, 'l.queue'))
  return inWords(await queue.counts())
}

function inWords({ ready, done, dead }: QueueCounts): string {
  return `${done} done, ${ready} ready, ${dead} dead`
}

describe('A worker on a machine without room', () => {
  before(function () {
    if (process.platform !== 'linux') this.skip()
  })

  for (const [limit, why] of [
    ['--nofile=5:5', 'too many open files [EMFILE]'],
    ['--nproc=0:0', 'no more processes are allowed here [EAGAIN]'],
  ]) {
    it(`stops with 71 where there are ${why}`, async () => {
      const cwd = tempDir()
      if (isRoot) chownSync(cwd, SOMEBODY, SOMEBODY)
      // Node asks by access(2), to which capabilities are nothing, and turns for ever below a folder that it may not enter.
      const main = join(
        copyForAll(['commander', 'libsql', 'picocolors', 'string-width']),
        'dist/lib/cli/main.js',
      )
      const commands = { rollcall: `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n` }
      // The first command takes from its parent, the supervisor, what starts others.
      const work = `rollcall work -a l --attempts 1 -- sh -c 'exec prlimit --pid $PPID ${limit}'`
      writeFileSync(
        join(cwd, 'script'),
        `seq 4 > l; ${work} || echo $?; rollcall queue status -q l.queue --json`,
      )

      const { stdout, stderr } = await shell(`${isRoot ? BOUND : ''} bash script`, { cwd, commands })

      const [code, status] = stdout.split('\n')
      assert.equal(code, '71', stderr)
      assert.ok(stderr.includes(`cannot run sh: ${why}; this worker stops, the item goes back`), stderr)
      assert.equal(inWords(JSON.parse(status!).items), '1 done, 3 ready, 0 dead')
    })
  }
})

describe('A worker on a full disk', () => {
  let cwd: string
  let isMounted = false

  beforeEach(function () {
    cwd = tempDir()
    mkdirSync(join(cwd, 'full'))
    isMounted = mountSmallDisk(join(cwd, 'full'), 'size=64k,mode=700')
    if (!isMounted) this.skip()
  })
  afterEach(() => {
    if (isMounted) execFileSync('umount', ['-l', join(cwd, 'full')])
  })

  /** The second command makes it full; its words are longer than what a page of the log has left. */
  const work = (options: string) =>
    shell(
      `seq 4 > l; TMPDIR=$PWD/full rollcall work -a l --attempts 1 ${options} -- sh -c '
         head -c 100000 /dev/zero | tr "\\0" "\\n"; [ $0 = 2 ] || exit 0; cat /dev/zero > full/filler; echo; true' {} ${'x'.repeat(5000)} > out`,
      { cwd },
    )

  for (const [what, options] of [
    ['its own file of output', '--log-dir full'],
    ['output that is held', ''],
    ['what items answer', '--results full/answers'],
  ]) {
    it(`stops with 74 where there is no room for ${what}, and the item goes back`, async () => {
      const { code, stderr } = await work(options!)

      assert.equal(code, 74, stderr)
      assert.match(
        stderr,
        /cannot keep the output of commands: ENOSPC.*; this worker stops, the item goes back/,
      )
      assert.match(await counts(cwd), /^[01] done, [34] ready, 0 dead$/)
    })
  }

  it('stops with 74 where there is no room for the job log; what was done is done', async () => {
    const { code, stderr } = await work('--ungroup --joblog full/log')

    assert.equal(code, 74, stderr)
    assert.match(stderr, /cannot write the job log full\/log: ENOSPC/)
    assert.equal(await counts(cwd), '2 done, 2 ready, 0 dead')
  })

  it('says so at once where not even the first line can be written', async () => {
    const { code, stderr } = await shell(
      `cat /dev/zero > full/filler 2> /dev/null; seq 4 > l; rollcall work -a l --joblog full/log -- true`,
      { cwd },
    )

    assert.equal(code, 74, stderr)
    assert.match(stderr, /cannot write the job log full\/log: ENOSPC/)
    assert.equal(await counts(cwd), '0 done, 4 ready, 0 dead')
  })
})

describe('A worker whose commands all fail, while others succeed', () => {
  const failing = async (halt: string) => {
    const cwd = tempDir()
    await shell('seq 23 > l; rollcall work -a l --attempts 1 --halt soon,done=1 -- true', { cwd })
    return { cwd, ...(await shell(`rollcall work -a l --change-command ${halt} --json -- false`, { cwd })) }
  }
  const DOUBT = /all of the first 20 commands failed here, while others have done 1 items: something is wrong/

  it('says so', async () => {
    const { code, stdout, stderr } = await failing('')

    assert.deepEqual([code, JSON.parse(stdout)], [1, { done: 0, failed: 22 }])
    assert.match(stderr, DOUBT)
  })

  it('stops where it was told to halt, and leaves the rest to others', async () => {
    const { cwd, code, stdout, stderr } = await failing('--halt soon,fail=22')

    assert.deepEqual([code, JSON.parse(stdout)], [1, { done: 0, failed: 20 }])
    assert.match(stderr, DOUBT)
    assert.equal(await counts(cwd), '1 done, 2 ready, 20 dead')
  })
})
