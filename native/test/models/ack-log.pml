/* The acks of one claim (lib/queue/store/local/ack-logs.ts): its owner records them in a log, and looks at a counter after each;
 * a thief takes what cannot be in hand, a reaper takes the owner for dead, though it may go on. Both add to the counter,
 * read the log, and then change the state of the page.
 *
 * Must fail with: NO_OWNER_FENCE NO_TAKER_FENCE NO_LOOK LOOK_FIRST READ_FIRST STEAL_NEXT NO_DOUBT
 *
 * As in wake.pml a store that is followed by a load of another word goes through a buffer, which is written to
 * memory at the fence or at any time of its own. Steps on the state are compare-and-sets, so each is one step
 * here. What has gone back to the queue is `FREE`, and anybody may have it.
 */
#define ITEMS 3
#define TAKERS 2
#define THIEF 0
#define REAPER 1

mtype = { CLAIMED, FREE, DONE };

mtype place[ITEMS] = CLAIMED;
bool has_claim = true;     /* the claim is in the state */
bool was_done[ITEMS];      /* what the record of the reaped claim says */
bool in_hand[ITEMS];       /* of the owner */
bool is_acked[ITEMS];      /* as the owner was told */

byte log = 0;
byte counter = 0;
bool record_buffered = false;
bool add_buffered[TAKERS];

inline flush_record() {
  d_step { if :: record_buffered -> record_buffered = false; log++ :: else fi }
}

inline flush_add(me) {
  d_step { if :: add_buffered[me] -> add_buffered[me] = false; counter++ :: else fi }
}

/* Nobody else gets what was acked, or what is in the hands of a worker that is not taken for dead. */
inline give_away(i) {
  assert(!is_acked[i]);
  assert(!has_claim || !in_hand[i]);
  place[i] = FREE
}

/* Takes the acks up to the one in hand into the state, that one too, and gives the rest back. */
inline end_log(current, told) {
  d_step {
    if
    :: has_claim ->
       for (i : 0 .. ITEMS - 1) {
         if
         :: place[i] == CLAIMED && i <= current -> place[i] = DONE
         :: place[i] == CLAIMED && i > current -> give_away(i)
         :: else
         fi
       };
       has_claim = false;
       told = true
    :: else ->
#ifdef NO_DOUBT
       told = false
#else
       told = was_done[current]
#endif
    fi;
    in_hand[current] = false;
    if
    :: told -> is_acked[current] = true; assert(place[current] == DONE)
    :: else -> assert(!was_done[current])
    fi
  }
}

proctype owner() {
  byte current = 0, i, seen = 0, now;
  bool told;
  do
  :: atomic {
       /* Taken for dead: whatever it does is in vain. */
       assert(!has_claim || place[current] == CLAIMED);
       in_hand[current] = true
     };
     if
     :: current == ITEMS - 1 -> break
     :: else
     fi;
#ifdef LOOK_FIRST
     now = counter;
#endif
     record_buffered = true;
#ifndef NO_OWNER_FENCE
     flush_record();
#endif
#ifndef LOOK_FIRST
     now = counter;
#endif
#ifndef NO_LOOK
     if
     :: now != seen -> break
     :: else
     fi;
#endif
     atomic { in_hand[current] = false; is_acked[current] = true; current++ }
  od;
  flush_record();
  end_log(current, told)
}

proctype drain_record() {
end:
  do
  :: atomic { record_buffered -> flush_record() }
  od
}

proctype drain_add(byte me) {
end:
  do
  :: atomic { add_buffered[me] -> flush_add(me) }
  od
}

proctype taker(byte me) {
  byte acked, i;
#ifdef READ_FIRST
  acked = log;
#endif
  add_buffered[me] = true;
#ifndef NO_TAKER_FENCE
  flush_add(me);
#endif
#ifndef READ_FIRST
  acked = log;
#endif
  d_step {
    if
    :: has_claim && me == REAPER ->
       has_claim = false;
       for (i : 0 .. ITEMS - 1) {
         if
         :: place[i] == CLAIMED && i < acked -> place[i] = DONE; was_done[i] = true
         :: place[i] == CLAIMED && i >= acked -> give_away(i)
         :: else
         fi
       }
    :: has_claim && me == THIEF ->
       for (i : 0 .. ITEMS - 1) {
         if
#ifdef STEAL_NEXT
         :: place[i] == CLAIMED && i >= acked -> give_away(i)
#else
         :: place[i] == CLAIMED && i > acked -> give_away(i)
#endif
         :: else
         fi
       }
    :: else
    fi
  }
}

init {
  atomic {
    run owner(); run drain_record();
    run taker(THIEF); run drain_add(THIEF);
    run taker(REAPER); run drain_add(REAPER)
  }
}
