// Words to systemd, by the socket that it gives a service: `READY=1`, `WATCHDOG=1`, `STATUS=...`.

import { isFailure, native } from '../binding'

/**
 * Tells systemd something about this service, as sd_notify(3) does. With `WATCHDOG=1` at each turn of a timer, or after
 * each kick, systemd restarts a service (`WatchdogSec=`) whose event loop hangs, or which makes no progress.
 *
 * @returns false where no service manager listens: `NOTIFY_SOCKET` is not set, or its socket is gone
 */
export function notifySystemd(state: string): boolean {
  if (typeof state !== 'string') throw new TypeError(`Expected a text like 'READY=1', got a ${typeof state}`)
  const socket = process.env.NOTIFY_SOCKET
  return socket !== undefined && socket !== '' && !isFailure(native.sendDatagram(socket, state))
}
