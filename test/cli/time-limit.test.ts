// What is kept of a command that has run out of time.

import assert from 'node:assert/strict'
import { ChildCommand } from '../../lib/cli/support/child-command'
import { Supervisor } from '../../lib/cli/support/supervisor'
import { TimeLimit } from '../../lib/cli/support/time-limit'
import { portsOf } from '../support/hanging'

/** For an answer on a machine that has no time. */
const LOOK_MS = 20_000
const LOOP = 'function spin() { for (;;); } console.log("begun"); setImmediate(function turn() { spin() })'

describe('A command that has run out of time', () => {
  let supervisor: Supervisor

  beforeEach(() => {
    supervisor = new Supervisor()
  })
  afterEach(() => supervisor.close())

  /** Its time is over as soon as it has written something. */
  async function timeOut(words: string[]) {
    let begun!: () => void
    const written = new Promise<void>((resolve) => {
      begun = resolve
    })
    const command = new ChildCommand(supervisor, { words, onOutput: begun }, 10_000)
    await written
    const limit = new TimeLimit(command, 1, LOOK_MS)
    const { code } = await command.ended
    return { code, reason: command.stopReason, stack: limit.stack.join('\n'), pid: command.pid }
  }

  it('is ended, and says where it was, if it is Node', async () => {
    const { code, reason, stack } = await timeOut([process.execPath, '-e', LOOP])

    assert.deepEqual([code, reason], [143, 'timeout'])
    assert.match(stack, /at spin .*\n.*at turn /)
  })

  it('is asked also below the shell that has started it', async () => {
    const { stack } = await timeOut(['sh', '-c', `'${process.execPath}' -e '${LOOP}'; exit 3`])

    assert.match(stack, /at spin .*\n.*at turn /)
  })

  it('is told of by the kernel where it is another program, and nobody is signalled', async () => {
    const { stack } = await timeOut(['sh', '-c', 'trap "echo signalled" USR1; echo begun; sleep 999'])

    assert.match(stack, /no stack of JavaScript: its program is .*\n {2}the kernel says: it /)
  })

  it('is left alone when it ends in time', async () => {
    const command = new ChildCommand(supervisor, { words: ['sh', '-c', 'exit 3'], onOutput() {} })
    const limit = new TimeLimit(command, 60_000)

    const { code } = await command.ended
    limit.clear()

    assert.deepEqual([code, command.stopReason, limit.stack], [3, undefined, []])
    assert.deepEqual(portsOf(process.pid), [])
  })
})
