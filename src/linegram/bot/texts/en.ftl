# The card of a call. One line each: a Telegram notification shows little more.
card-line = on { $line }
card-withheld = number withheld
card-diverted = diverted by { $by }

card-incoming = 📞 Incoming call
card-calling_back = 📲 Calling you back — answer, and I will dial
card-press_phone = 📲 Press the phone icon of this chat within a minute, and I will dial
card-dialling = ⏳ Dialling
card-far_ringing = 🔔 Ringing
card-talking = 🗣 Talking
card-missed = ❌ Missed call
card-ended = ☎️ Call ended
card-duration = lasted { $minutes }:{ $seconds }
card-retry = try again in { $seconds } s

button-hang = Hang up
button-back = Call back

# Why a call ended, for the employee: what happened and what he can do. One for each EndReason.
end-completed = The call is over.
end-cancelled = Hung up before it was answered.
end-busy = Busy.
end-declined = Declined.
end-no_answer = No answer.
end-answered_elsewhere = Answered on another device.
end-moved_to_conference = You turned the call into a Telegram group call. A telephone line cannot follow there, so it was ended.
end-direct_call_expired = You did not press the phone icon within a minute. Send the number again.
end-employee_offline = None of your Telegram devices could be reached. Check that one of them is online.
end-employee_unknown = Telegram does not let me call you yet. Send me any message once, then it works.
end-employee_gone = This Telegram account no longer exists. Ask your administrator to assign the line to somebody else.
end-privacy_blocked = Your Telegram privacy blocks my calls. Open Settings → Privacy and Security → Calls and add this account to “Always allow”.
end-calling_account_blocked = You have blocked this account in Telegram. Unblock it to make and receive calls.
end-app_outdated = Your Telegram app is too old for calls. Update it.
end-no_common_version = Your Telegram app and this service have no common call version. Update the app, or tell your administrator.
end-flood_limited = Telegram limits how often I may call. Wait a little and try again.
end-calling_account_busy = The calling account is busy in another call. Try again in a moment.
end-telegram_unreachable = The connection to Telegram was lost. Try again in a moment.
end-telegram_refused = Telegram refused the call. If it happens again, tell your administrator.
end-key_mismatch = The security check of the call failed, so it was ended. Try again.
end-number_not_found = There is no such number.
end-number_forbidden = The PBX does not allow this call from your line.
end-far_unavailable = The other side cannot be reached now.
end-codec_mismatch = The PBX and your line have no common codec. Tell your administrator.
end-pbx_credentials = The PBX refused the login of your line. Tell your administrator.
end-pbx_unreachable = The PBX does not answer. If it lasts, tell your administrator.
end-pbx_overloaded = The PBX is overloaded or in maintenance. Try again later.
end-pbx_failed = The PBX could not place the call.
end-no_line = None of your lines fits this number. Check the number, or ask your administrator about the dial rules.
end-voice_not_connected = The voice connection to your Telegram app did not come up. Check your internet connection and try again.
end-voice_lost = The voice connection to your Telegram app was lost.
end-voice_engine_missing = Telegram asked for a kind of voice call that this service is not equipped for. Ask your administrator to install the voice engine ntgcalls.
end-no_media = The PBX sent no sound, so the call was ended. Tell your administrator: often a firewall blocks the voice ports.
end-media_host_died = A part of the service failed and the call was cut. Please call again.
end-no_capacity = All voice channels are in use. Try again in a moment.
end-worker_lost = The voice server was lost and the call was cut. Please call again.
end-service_stopped = The service was stopped and the call was cut.
end-service_restarted = The service was restarted and the call was cut. Please call again.
end-internal_error = Something went wrong on our side. Please call again; if it repeats, tell your administrator.

# Commands.
start = I am the office telephone. Your lines: /softphone. To call somebody, send the number to { $calling_account }.
start-number = Your Telegram number, for your administrator: { $user_id }
softphone-none = You have no lines yet. Your administrator assigns them to you.
softphone-head = Lines:
softphone-row = { $mark } { $name } — { $login }
account-signed-out = ⚠️ Telegram has ended the session of the calling account. No calls are possible until somebody runs “linegram init --sign-in” on the server and starts the service again.
card-gone = This call is over.
card-not-yours = This is not your call.
