// Removing all timers, and nothing else; what they held comes back.

import { isName } from '../../util/bounds'
import type { AttachedQueue } from '../members/attached-queue'
import { changeRunningMember } from '../members/member'
import { ANY_VERSION } from '../store/store'

export async function clearTimers({ incarnation }: AttachedQueue): Promise<void> {
  const { store } = incarnation
  const wids = await store.list(incarnation.at('members'))
  if (wids === undefined) throw incarnation.closed()
  await Promise.all(
    wids.filter(isName).map(async (wid) => {
      // The verdict first, so that at no moment the worker looks as if it had died.
      const isCleared = await changeRunningMember(incarnation, wid, (member) => ({
        ...member,
        status: 'cleared',
      }))
      if (isCleared) await store.delete(incarnation.at('timers', wid), ANY_VERSION)
    }),
  )
}
