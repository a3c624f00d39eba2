// rollcall demo: what it tells, and that nothing is left of it however it ends.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'

import { hasTerminal, pidsWithEnv, runCli, startCli, startOnTerminal } from '../support/cli'
import { eventually } from '../support/eventually'
import { tempDir } from '../support/temp-dir'

describe('rollcall demo', () => {
  let temp: string

  // A temporary directory of its own shows what the demo leaves behind, and tells its processes from others.
  beforeEach(() => {
    temp = tempDir()
  })

  function assertNothingLeft() {
    assert.deepEqual(readdirSync(temp), [])
    if (process.platform === 'linux') assert.deepEqual(pidsWithEnv('TMPDIR', temp), [])
  }

  it('tells its story when piped, and leaves no process and no file behind', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--seconds', '3'], { TMPDIR: temp })

    assertNothingLeft()
    assert.equal(code, 0, stderr)
    assert.equal(stderr, '')
    assert.ok(!stdout.includes('\x1b'))
    assert.match(stdout, /4 living, .*1024 slots, [\d,]+ updates\/s/)
    assert.match(
      stdout,
      /SIGKILL to web-2[\s\S]*the board knew after [\d.]+ ms[\s\S]*web-2 .*DEAD[\s\S]*a new web-2 is at work/,
    )
    assert.match(stdout, /web-3, pid \d+, computes[\s\S]*blocked after \d+ ms[\s\S]*web-3 .*blocked \d/)
    if (process.platform === 'linux') assert.match(stdout, /at addUp .*worker\.[jt]s[\s\S]*at exportYear /)
    assert.match(stdout, /left +nothing: no process, no file; 1 dead slot freed\n$/)
  })

  it('sums up as JSON what really happened', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--seconds', '2', '--json'], { TMPDIR: temp })

    assertNothingLeft()
    const report = JSON.parse(stdout)
    assert.equal(code, 0, stderr)
    assert.equal(report.workers, 4)
    assert.ok(Math.round(report.seconds) >= 2)
    assert.ok(report.requests > 0)
    // Each request is published when it begins.
    assert.ok(report.updates >= report.requests)
    assert.ok(report.reads > 0 && report.meanReadMs > 0)
    assert.equal(report.deaths.length, 1)
    assert.ok(report.deaths[0].seenAfterMs > 0)
    assert.equal(report.hangs.length, 1)
    assert.ok(report.hangs[0].seenAfterMs > 0)
    if (process.platform === 'linux') assert.match(report.hangs[0].stack[0], /^at addUp /)
    assert.equal(report.freedSlots, 1)
    assert.equal(report.isClean, true)
  })

  // The first moment is when the workers are too young to leave the decision to their parent.
  for (const moment of [/starting a cluster/, /autocannon puts load/, /4 living/]) {
    it(`ends early on Ctrl-C after "${moment.source}", with a summary`, async () => {
      const demo = startCli(['demo', '--seconds', '600'], { TMPDIR: temp })
      await demo.says(moment)
      // What a terminal does: the whole group hears it.
      process.kill(-demo.child.pid!, 'SIGINT')

      const { code, stdout, stderr } = await demo.ended()

      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
      assertNothingLeft()
      assert.match(stdout, /deaths +0 seen\n.*hangs +0 seen\n.*left +nothing/)
    })
  }

  it('ends early when its reader goes away', async () => {
    const demo = startCli(['demo', '--seconds', '600'], { TMPDIR: temp })
    await demo.says(/4 living/)
    demo.child.stdout!.destroy()

    const { code, stderr } = await demo.ended()

    assertNothingLeft()
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  })

  it('leaves no process behind even when it is SIGKILLed', async function () {
    if (process.platform !== 'linux') this.skip()
    const demo = startCli(['demo', '--seconds', '600'], { TMPDIR: temp })
    await demo.says(/4 living/)
    const before = pidsWithEnv('TMPDIR', temp)
    demo.child.kill('SIGKILL')

    await eventually(
      () => pidsWithEnv('TMPDIR', temp).length === 0,
      () => `the end of processes ${pidsWithEnv('TMPDIR', temp)}`,
    )

    assert.equal(before.length, 6) // itself, four workers, the load
  })

  it('lives on a terminal, and q ends it early', async function () {
    if (!hasTerminal()) this.skip()
    const demo = startOnTerminal(['demo', '--seconds', '600'], { TMPDIR: temp })
    // Only lines that change are drawn again, so each is waited for by itself.
    await demo.says(/q ends it early/)
    await demo.says(/rollcall demo .*4 living/)
    await demo.says(/web-4 .*(live|idle|working) +[\w-]+ +(GET|POST) \//)
    demo.child.stdin!.write('q')

    const { code, stdout } = await demo.ended()

    assertNothingLeft()
    assert.equal(code, 0)
    assert.ok(stdout.indexOf('of load on 4 workers') > stdout.indexOf('\x1b[?1049l'))
  })

  it('has a second act of three machines, one of which is lost and comes back', async () => {
    const { code, stdout, stderr } = await runCli(['demo', '--fleet', '--seconds', '2'], { TMPDIR: temp })

    assertNothingLeft()
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(
      stdout,
      /fleet called rack-1\.1 on rack-1 blocked after \d+ ms[\s\S]*rack-1\.1 .*blocked \d.*compares all pairs/,
    )
    assert.match(stdout, /called it lost after \d+ ms; what its workers were doing[\s\S]*rack-2 .*lost +\w/)
    assert.match(stdout, /rack-2 is back, \d+ ms after its start[\s\S]*left +nothing: no process, no file\n$/)
  })

  it('ends the second act early on Ctrl-C, too', async function () {
    if (process.platform !== 'linux') this.skip()
    const demo = startCli(['demo', '--fleet', '--seconds', '600', '--json'], { TMPDIR: temp })
    await eventually(() => pidsWithEnv('TMPDIR', temp).length === 4, 'three machines and their demo')
    process.kill(-demo.child.pid!, 'SIGINT')

    const { code, stdout, stderr } = await demo.ended()

    assertNothingLeft()
    assert.deepEqual([code, stderr], [0, ''])
    const report = JSON.parse(stdout)
    assert.deepEqual([report.machines, report.losses, report.isClean], [3, [], true])
  })
})
