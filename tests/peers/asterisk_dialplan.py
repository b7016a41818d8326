"""The numbers of the test PBX, as text of its dialplan."""

from pathlib import Path

EARLY_MEDIA_HZ = 660
MILLIWATT_HZ = 1004
TONE_NUMBERS = {
    "620": 440, "621": 520, "622": 600, "623": 700, "624": 800,
    "625": 900, "626": 1100, "627": 1250, "628": 1400, "629": 1600,
}  # fmt: skip
"""Numbers that play one tone for ever and record what they hear; 63FFFF does the same for any frequency."""


def tone_number(frequency_hz: int) -> str:
    """Name the number that plays this tone and records what it hears."""
    return f"63{frequency_hz:04d}"


def dialplan(recordings: Path, sip_address: str) -> str:
    """Make the whole dialplan. `recordings` holds a folder `part` for what is still being written."""
    fixed_tones = "".join(f"exten => {n},1,Goto(tone,{hz},1)\n" for n, hz in TONE_NUMBERS.items())
    return f"""\
[general]
static = yes
writeprotect = yes

[internal]
include => parkedcalls
exten => 600,1,Answer()                      ; echo
 same => n,Echo()
exten => 601,1,Answer()                      ; {MILLIWATT_HZ} Hz
 same => n,Milliwatt()
exten => 603,1,Answer()                      ; music on hold
 same => n,MusicOnHold(default,600)
exten => 604,1,Progress()                    ; early media, then busy
 same => n,Playtones({EARLY_MEDIA_HZ})
 same => n,Wait(2)
 same => n,Busy(1)
exten => 605,1,Busy(1)
exten => 606,1,Congestion(1)
exten => 607,1,Ringing()                     ; rings for ever
 same => n,Wait(600)
exten => 608,1,Answer()                      ; the PBX hangs up
 same => n,Wait(2)
 same => n,Hangup(16)
exten => 609,1,Answer()                      ; reads digits up to # and tells the manager interface
 same => n,Read(DIGITS,,16,,1,10)
 same => n,UserEvent(DigitsRead,Digits: ${{DIGITS}},From: ${{CALLERID(num)}})
 same => n,Hangup()
exten => 610,1,Answer()                      ; sends every digit
 same => n,Wait(1)
 same => n,SendDTMF(0123456789*#ABCD,120,100)
 same => n,Wait(1)
 same => n,Hangup()
exten => 611,1,Answer()                      ; records without playing anything
 same => n,Gosub(record,s,1)
 same => n,Wait(3600)
exten => 612,1,Answer()                      ; conference
 same => n,ConfBridge(room)
exten => 613,1,Ringing()                     ; 180, then 183, then 200
 same => n,Wait(1)
 same => n,Progress()
 same => n,Playtones({EARLY_MEDIA_HZ})
 same => n,Wait(1)
 same => n,Answer()
 same => n,StopPlaytones()
 same => n,Echo()
exten => 614,1,Transfer(PJSIP/sip:600@{sip_address})
exten => 615,1,Hangup(21)                    ; 403
exten => 616,1,Hangup(1)                     ; 404
exten => 617,1,Wait(2)                       ; answers late
 same => n,Answer()
 same => n,Echo()
exten => 618,1,Answer()                      ; answers, then sends the caller elsewhere by REFER
 same => n,Wait(1)
 same => n,Transfer(PJSIP/sip:600@{sip_address})
{fixed_tones}exten => _63XXXX,1,Goto(tone,$[${{EXTEN:2}} + 0],1)
exten => 800,1,Answer()
 same => n,Queue(support,tTkK)
exten => _1XXX,1,Dial(PJSIP/${{EXTEN}},60,tTkK)
 same => n,Hangup(${{HANGUPCAUSE}})
exten => _mXXXX,1,Dial(PJSIP/${{EXTEN}},60)
 same => n,Hangup(${{HANGUPCAUSE}})
exten => _X!,1,Hangup(1)

[tone]
exten => _X.,1,Answer()
 same => n,Gosub(record,s,1)
 same => n,Playtones(${{EXTEN}})
 same => n,Wait(3600)

; a recording is moved to its place when it is complete
[record]
exten => s,1,Set(NAME=${{CALLERID(num)}}-${{UNIQUEID}}.wav16)
 same => n,Set(DONE=mv {recordings}/part/${{NAME}} {recordings}/${{NAME}})
 same => n,MixMonitor(,r({recordings}/part/${{NAME}})S,${{DONE}})
 same => n,Return()
"""
