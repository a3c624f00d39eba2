/* Claiming, releasing, dying, retiring and claiming again (native/core/board.cc, totals.cc): one slot, two workers
 * that claim it one after the other or at once, a cleaner, a reader, and somebody who adds up the totals. Everybody who writes
 * may be killed before any step.
 *
 * Must fail with: CLEANER_TAKES_LOCK LOCK_BEFORE_EPOCH NO_CLAIM_LOCK NO_SECOND_EPOCH NO_MOVED_CHECK LATE_GOODBYE NO_NAME MARK_FIRST
 *
 * What orders these steps for others is the kernel's lock on its locks, and releases that docs/FORMAT.md lists,
 * so one step at a time is the right picture. The latch of a record and of the totals is one step here;
 * latch.pml shows that it may be.
 *
 * What really is the case, for the assertions to ask: `living` is the epoch of the owner who lives and
 * holds the lock, `fate` how each owner ended, `counted` what all owners together have counted.
 */
#define KILLS 3
#define WORKERS 2      /* each claims once */
#define OWNERS WORKERS

mtype = { unused, owned, closed, died };           /* states of the slot */
mtype = { none, inline_, goodbye };                /* kinds of its record */
mtype = { unborn, alive, ended, killed };          /* fates */

/* the kernel */
bool claim_byte, slot_byte;
/* the slot */
byte epoch;
mtype state = unused;
byte record_epoch;
mtype record_kind = none;
byte seq;
byte counter;
/* the totals: one record that also names whom it folded last, and the slot's mark */
byte total, total_names, folded;

/* the truth */
byte living;
mtype fate[OWNERS + 1] = unborn;
byte counted;
byte kills = KILLS;

/* One step of somebody who may be killed instead. */
#define STEP(what) atomic { if :: what :: kills > 0 -> kills--; goto dead fi }

/* Ends the owner of the slot, whose lock is free: REQUIRES the claim byte. */
inline retire() {
  if
  :: state == owned ->
     STEP(was_closed = (record_epoch == epoch && record_kind == goodbye));
#ifdef MARK_FIRST
     STEP(old = folded; folded = epoch);
     STEP(if :: old != epoch -> total = total + counter :: else fi);
#else
#ifdef NO_NAME
     STEP(if :: folded != epoch -> total = total + counter :: else fi);
#else
     STEP(if :: total_names == epoch -> folded = epoch :: else fi);
     STEP(if :: folded != epoch -> total = total + counter; total_names = epoch :: else fi);
#endif
     STEP(folded = epoch);
#endif
     STEP(state = (was_closed -> closed : died))
  :: else
  fi
}

proctype worker() {
  byte mine, old;
  bool was_closed, has_claim, has_slot;
  atomic { !claim_byte; if :: claim_byte = true; has_claim = true :: kills > 0 -> kills--; goto dead fi };
     if
     :: slot_byte -> STEP(claim_byte = false; has_claim = false)      /* the board is full */
     :: else ->
        retire();
        STEP(counter = 0);
#ifdef LOCK_BEFORE_EPOCH
        STEP(slot_byte = true; has_slot = true; mine = epoch + 1; living = mine; fate[mine] = alive);
        STEP(epoch = epoch + 1);
#else
        STEP(epoch = epoch + 1; mine = epoch);
        STEP(slot_byte = true; has_slot = true; living = mine; fate[mine] = alive);
#endif
        STEP(state = owned);
        STEP(record_epoch = mine; record_kind = none; seq++);
        STEP(claim_byte = false; has_claim = false);
        assert(epoch == mine && state == owned && slot_byte);
        STEP(record_kind = inline_; seq++);
        STEP(counter = counter + 1; counted = counted + 1);
        assert(epoch == mine && state == owned && record_epoch == mine && living == mine);
#ifdef LATE_GOODBYE
        STEP(slot_byte = false; has_slot = false; living = 0; fate[mine] = ended);
        STEP(record_kind = goodbye; seq++)
#else
        STEP(record_kind = goodbye; seq++);
        STEP(slot_byte = false; has_slot = false; living = 0; fate[mine] = ended)
#endif
     fi;
  goto done;

dead:
  /* The kernel takes back what it held, in one step. Whoever had said good-bye had ended by itself. */
  atomic {
    if :: has_claim -> claim_byte = false :: else fi;
    if
    :: has_slot ->
       slot_byte = false;
       living = 0;
       fate[mine] = (record_epoch == mine && record_kind == goodbye -> ended : killed)
    :: else
    fi
  };
done:
  skip
}

active proctype cleaner() {
  byte old;
  bool was_closed, has_claim, has_slot;
#ifndef NO_CLAIM_LOCK
  atomic { !claim_byte; if :: claim_byte = true; has_claim = true :: kills > 0 -> kills--; goto dead fi };
#endif
     if
     :: slot_byte -> skip
     :: else ->
#ifdef CLEANER_TAKES_LOCK
        STEP(slot_byte = true; has_slot = true);
#endif
        retire();
#ifdef CLEANER_TAKES_LOCK
        STEP(slot_byte = false; has_slot = false)
#endif
     fi;
#ifndef NO_CLAIM_LOCK
     STEP(claim_byte = false; has_claim = false);
#endif
  goto done;
dead:
  atomic {
    if :: has_claim -> claim_byte = false :: else fi;
    if :: has_slot -> slot_byte = false :: else fi
  };
done:
  skip
}

/* Board::LookAt. */
active proctype reader() {
  bool looked;
  byte e, copied_epoch, copied_seq, holder;
  mtype copied_kind;
  bool locked;
  do
  :: !looked ->
     e = epoch;
     if
     :: e == 0 || state != owned -> looked = true
     :: else ->
        atomic { copied_epoch = record_epoch; copied_kind = record_kind; copied_seq = seq };
        atomic { locked = slot_byte; holder = living };
        if
#ifndef NO_SECOND_EPOCH
        :: epoch != e -> skip                                        /* another owner: again */
#endif
#ifndef NO_MOVED_CHECK
        :: epoch == e && !locked && seq != copied_seq -> skip        /* a good-bye in between: again */
        :: epoch == e && (locked || seq == copied_seq) ->
#else
        :: epoch == e ->
#endif
           looked = true;
           if
           :: copied_epoch == e && locked && copied_kind != goodbye -> assert(holder == e)   /* told as alive */
           :: copied_epoch == e && !locked && copied_kind != goodbye -> assert(fate[e] == killed)
           :: copied_epoch == e && copied_kind == goodbye -> assert(fate[e] == ended || fate[e] == alive)
           :: copied_epoch != e && !locked -> assert(fate[e] == killed || fate[e] == unborn)
           :: else -> skip
           fi
#ifdef NO_SECOND_EPOCH
        :: epoch != e ->
           looked = true;
           if
           :: copied_epoch == e && locked && copied_kind != goodbye -> assert(holder == e)
           :: else -> skip
           fi
#endif
        fi
     fi
  :: else -> break
  od
}

/* What counters have come to is right at every moment, whoever was killed where. */
active proctype adder() {
  atomic {
    assert(total + (folded == epoch || total_names == epoch -> 0 : counter) == counted ||
           epoch == 0)
  }
}

init {
  byte i;
  atomic { for (i : 1 .. WORKERS) { run worker() } }
}
