------------------------------ MODULE ClaimedLog ------------------------------
(* One partition of an owned topic, and whoever takes it over.

   A take-over is one try to own the partition: whoever gives up and comes back is another one. Take-overs
   overlap as they like: a pause, a crash or a message under way is a step that is not taken yet. A record
   under way lands at any time, in any order, twice, or never; an acknowledgement comes or does not.

   A state is the sequence of the valid batches. Every batch says on which state it was decided, and
   "nothing is lost and nothing is decided twice" means: every valid batch was decided on exactly the state
   that it is appended to.

   Each rule of the protocol has a switch. With all of them on the invariants hold; check.py turns off one
   after the other and expects that they do not.                                                            *)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  TakeOvers,        \* how many there are at most
  Inputs,           \* how many batches there are to decide
  Ahead,            \* appends of one owner that may be under way at once
  Doubles,          \* landings that may happen twice
  ClaimsRise,       \* a claim is valid only with an epoch greater than the current one
  EpochInBatches,   \* a batch is valid only with the current epoch
  SeqInBatches,     \* a batch is valid only with the next seq
  ContiguousAcks,   \* an acknowledgement counts only right behind the one before
  FoldToClaim,      \* an owner's state is the fold up to its own claim
  FenceInPositions  \* a reader goes on from (offset, epoch, seq), not from an offset alone

VARIABLES
  log,      \* what has landed, in order
  folds,    \* folds[o]: what every reader makes of the first o records
  wire,     \* what is under way
  taker,    \* the take-overs
  doubled,  \* landings that happened twice
  trusted   \* offsets whose acknowledgement an owner counted

vars == <<log, folds, wire, taker, doubled, trusted>>

\* ---- what every reader does -------------------------------------------------------------------------

Nothing == [epoch |-> 0, seq |-> 0, state |-> <<>>]

IsClaim(record) == record.number = 0

Valid(fold, record) ==
  IF IsClaim(record)
  THEN ClaimsRise => record.epoch > fold.epoch
  ELSE /\ EpochInBatches => record.epoch = fold.epoch
       /\ SeqInBatches => record.seq = fold.seq

Admit(fold, record) ==
  IF ~Valid(fold, record) THEN fold
  ELSE IF IsClaim(record) THEN [fold EXCEPT !.epoch = record.epoch]
  ELSE [fold EXCEPT !.seq = @ + 1, !.state = Append(@, <<record.by, record.number>>)]

FoldAt(offset) == IF offset = 0 THEN Nothing ELSE folds[offset]
End == FoldAt(Len(log))

\* ---- taking over and owning -------------------------------------------------------------------------

Away == [phase |-> "away"]

\* Read the log to its end, and send a claim. They are numbered in the order of this step.
Claim(t) ==
  /\ taker[t] = Away
  /\ \A earlier \in 1..(t - 1) : taker[earlier] # Away
  /\ taker' = [taker EXCEPT ![t] = [phase |-> "claiming", epoch |-> End.epoch + 1, read |-> End]]
  /\ wire' = wire \cup {[by |-> t, number |-> 0, epoch |-> End.epoch + 1, seq |-> 0, on |-> <<>>]}
  /\ UNCHANGED <<log, folds, doubled, trusted>>

\* The claim is acknowledged at some offset: the partition is ours if it is valid there.
Own(t, offset) ==
  /\ taker[t].phase = "claiming"
  /\ log[offset].by = t /\ IsClaim(log[offset])
  /\ LET base == IF FoldToClaim THEN FoldAt(offset) ELSE taker[t].read IN
     taker' = [taker EXCEPT ![t] =
       IF Valid(FoldAt(offset - 1), log[offset])
       THEN [phase |-> "owning", epoch |-> taker[t].epoch, seq |-> base.seq, state |-> base.state,
             durable |-> base.state, sent |-> 0, counted |-> 0, next |-> offset + 1]
       ELSE [phase |-> "gone"]]
  /\ UNCHANGED <<log, folds, wire, doubled, trusted>>

\* Decide on the working state, and append.
Send(t) ==
  /\ taker[t].phase = "owning"
  /\ LET me == taker[t]  number == me.sent + 1 IN
     /\ me.sent - me.counted < Ahead
     /\ Len(me.state) < Inputs
     /\ wire' = wire \cup
          {[by |-> t, number |-> number, epoch |-> me.epoch, seq |-> me.seq, on |-> me.state]}
     /\ taker' = [taker EXCEPT ![t].sent = number, ![t].seq = @ + 1,
                               ![t].state = Append(@, <<t, number>>)]
  /\ UNCHANGED <<log, folds, doubled, trusted>>

\* The next acknowledgement: it counts, or the owner throws everything away.
Acknowledge(t, offset) ==
  /\ taker[t].phase = "owning"
  /\ taker[t].counted < taker[t].sent
  /\ log[offset].by = t /\ log[offset].number = taker[t].counted + 1
  /\ IF ContiguousAcks => offset = taker[t].next
     THEN /\ taker' = [taker EXCEPT ![t].counted = @ + 1, ![t].next = offset + 1,
                                    ![t].durable = Append(@, <<t, log[offset].number>>)]
          /\ trusted' = trusted \cup {offset}
     ELSE /\ taker' = [taker EXCEPT ![t] = [phase |-> "gone"]]
          /\ UNCHANGED trusted
  /\ UNCHANGED <<log, folds, wire, doubled>>

\* ---- the broker -------------------------------------------------------------------------------------

Land(record, again) ==
  /\ again => doubled < Doubles
  /\ log' = Append(log, record)
  /\ folds' = Append(folds, Admit(End, record))
  /\ wire' = IF again THEN wire ELSE wire \ {record}
  /\ doubled' = IF again THEN doubled + 1 ELSE doubled
  /\ UNCHANGED <<taker, trusted>>

Init ==
  /\ log = <<>> /\ folds = <<>> /\ wire = {} /\ doubled = 0 /\ trusted = {}
  /\ taker = [t \in 1..TakeOvers |-> Away]

Next ==
  \/ \E t \in 1..TakeOvers : Claim(t) \/ Send(t)
  \/ \E t \in 1..TakeOvers, offset \in DOMAIN log : Own(t, offset) \/ Acknowledge(t, offset)
  \/ \E record \in wire, again \in BOOLEAN : Land(record, again)

Spec == Init /\ [][Next]_vars

\* ---- what must hold ---------------------------------------------------------------------------------

\* What an owner counted as acknowledged is valid for every reader.
CountedIsValid == \A offset \in trusted : Valid(FoldAt(offset - 1), log[offset])

\* Every valid batch was decided on exactly the state that it is appended to.
DecidedOnTheTruth ==
  \A offset \in DOMAIN log :
    (~IsClaim(log[offset]) /\ Valid(FoldAt(offset - 1), log[offset]))
      => log[offset].on = FoldAt(offset - 1).state

\* What an owner takes for durable is what readers have made of the log up to its last acknowledgement.
OwnerIsRight ==
  \A t \in 1..TakeOvers :
    taker[t].phase = "owning" => taker[t].durable = FoldAt(taker[t].next - 1).state

\* A reader that goes on from any place ends where everybody ends. One with a bare offset takes the first
\* record that it sees for the current one.
RECURSIVE ReadOn(_, _)
ReadOn(fold, offset) ==
  IF offset > Len(log) THEN fold ELSE ReadOn(Admit(fold, log[offset]), offset + 1)

From(offset) ==
  IF FenceInPositions \/ offset = Len(log) THEN FoldAt(offset)
  ELSE [epoch |-> log[offset + 1].epoch, seq |-> log[offset + 1].seq, state |-> FoldAt(offset).state]

ReadersAgree == \A offset \in 0..Len(log) : ReadOn(From(offset), offset + 1).state = End.state
===============================================================================
