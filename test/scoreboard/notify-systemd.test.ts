// What a worker tells systemd.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { notifySystemd } from '../../lib'
import { eventually } from '../support/eventually'
import { tempDir } from '../support/temp-dir'

describe('notifySystemd()', () => {
  afterEach(() => {
    delete process.env.NOTIFY_SOCKET
  })

  it('sends a datagram to the socket that systemd has named, of either kind', async () => {
    for (const address of [join(tempDir(), 'notify'), `@rollcall-test-${process.pid}`]) {
      const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0'))
print('bound', flush=True)
print(s.recv(100).decode(), flush=True)`
      const python = spawn('python3', ['-c', listener, address])
      let said = ''
      python.stdout.on('data', (text) => {
        said += text
      })
      await eventually(() => said === 'bound\n', 'the socket')
      process.env.NOTIFY_SOCKET = address

      assert.equal(notifySystemd('WATCHDOG=1'), true)

      await eventually(() => said === 'bound\nWATCHDOG=1\n', 'the datagram')
    }
  })

  it('says no where nobody listens', () => {
    assert.equal(notifySystemd('READY=1'), false)
    process.env.NOTIFY_SOCKET = join(tempDir(), 'nobody')
    assert.equal(notifySystemd('READY=1'), false)
    assert.throws(() => notifySystemd(1 as never), TypeError)
  })
})
