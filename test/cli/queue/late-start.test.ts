// A command whose timer goes while the command is being started: nobody listens to it yet, and yet it must end.

import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandRequest, type RunningCommand, Supervisor } from '../../../lib/cli/support/supervisor'
import { RunOfCommand } from '../../../lib/cli/verbs/run'
import { WorkSession } from '../../../lib/cli/verbs/work/session'
import { Worker } from '../../../lib/cli/verbs/work/worker'
import type { WatchdogQueue } from '../../../lib/queue/watchdog-queue'
import type { WatchdogTimer } from '../../../lib/queue/worker/timer'
import { eventually } from '../../support/eventually'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

/** Says of the first command that it runs only when what was to happen meanwhile has happened. */
class LateSupervisor extends Supervisor {
  #isFirst = true

  constructor(private readonly meanwhile: () => Promise<unknown>) {
    super()
  }

  override async start(request: CommandRequest): Promise<RunningCommand> {
    const command = await super.start(request)
    if (this.#isFirst) await this.meanwhile()
    this.#isFirst = false
    return command
  }
}

describe('A timer that goes while its command is starting', () => {
  let folder: string
  let queue: WatchdogQueue
  let supervisor: Supervisor
  let timer: WatchdogTimer

  /** Takes the timer away, and waits until its owner knows. */
  async function takeTimer(): Promise<void> {
    const master = await connect(folder)
    await master.clearTimers()
    await eventually(() => timer.signal.aborted, 'the owner to hear of it')
  }

  beforeEach(async () => {
    folder = join(tempDir(), 'q')
    queue = await connect(folder)
    await queue.createQueue({ queue: ['a'], maxAttempts: 3 })
    supervisor = new LateSupervisor(takeTimer)
  })
  afterEach(() => supervisor.close())

  it('ends the command of run --on-lost kill', async () => {
    timer = await queue.createTimer('one')
    const run = new RunOfCommand(queue, timer, 'one', { onLost: 'kill' })

    const code = await run.over(supervisor, ['sleep', '999'], undefined)

    assert.equal(code, 143)
  })

  it('ends the command of work, whose worker goes on with a new timer', async () => {
    const create = queue.createTimer.bind(queue)
    queue.createTimer = async (id) => {
      timer = await create(id)
      return timer
    }
    const begun = join(tempDir(), 'begun')
    const script = `echo "$ROLLCALL_ATTEMPT" >> ${begun}; [ $(wc -l < ${begun}) = 2 ] || exec sleep 999`
    const session = new WorkSession(queue, ['sh', '-c', script], { jobs: 1, until: 'done' })
    session.supervisor.close()
    Object.assign(session, { supervisor })

    await new Worker(session, 'one').run()
    await session.close()

    assert.ok(existsSync(begun))
    assert.equal(readFileSync(begun, 'utf8').split('\n').length, 3, 'two commands, one after the other')
    assert.deepEqual(session.tally, { done: 1, failed: 1 })
    assert.equal((await queue.counts()).done, 1)
  })
})
