"""An unmodified python3-sushy against one BMC. Prints one JSON object with what it saw.

usage: sushy-client.py URL USERNAME PASSWORD IMAGE [CA_FILE]
"""

import json
import sys
import time

import sushy
from sushy import auth

DEADLINE_SECONDS = 20


def until(what, read, wanted):
    """Reads until the wanted value is there: BMCs answer before they are done."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        value = read()
        if value == wanted:
            return value
        if time.monotonic() > ends:
            raise SystemExit('%s is %r, not %r' % (what, value, wanted))
        time.sleep(0.02)


def refreshed(resource, read):
    resource.invalidate()
    resource.refresh()
    return read(resource)


def main(url, username, password, image, ca_file=True):
    session = auth.SessionAuth(username, password)
    root = sushy.Sushy(url, auth=session, verify=ca_file)
    seen = {'session': session.get_session_resource_id()}

    systems = root.get_system_collection().get_members()
    managers = root.get_manager_collection().get_members()
    seen['systems'] = [member.identity for member in systems]
    seen['managers'] = [member.identity for member in managers]
    system = root.get_system()
    seen['serial'] = system.serial_number
    seen['managed_by'] = [manager.identity for manager in system.managers]
    seen['chassis'] = [member.identity for member in root.get_chassis_collection().get_members()]

    slots = managers[0].virtual_media.get_members()
    seen['slots'] = [slot.identity for slot in slots]
    slot = slots[0]
    seen['media_types'] = [kind.value for kind in slot.media_types]
    slot.insert_media(image, inserted=True, write_protected=True)
    until('inserted', lambda: refreshed(slot, lambda s: s.inserted), True)
    seen['inserted'] = {'image': slot.image, 'image_name': slot.image_name, 'connected': slot.connected_via.value}

    system.set_system_boot_options(sushy.BOOT_SOURCE_TARGET_CD, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE,
                                   mode=sushy.BOOT_SOURCE_MODE_UEFI)
    boot = refreshed(system, lambda s: s.boot)
    seen['override'] = {'enabled': boot.enabled.value, 'target': boot.target.value, 'mode': boot.mode.value}

    seen['power_before'] = system.power_state.value
    system.reset_system(sushy.RESET_FORCE_RESTART)
    until('override', lambda: refreshed(system, lambda s: s.boot.enabled.value), 'Disabled')
    system.reset_system(sushy.RESET_FORCE_OFF)
    until('power', lambda: refreshed(system, lambda s: s.power_state.value), 'Off')
    system.reset_system(sushy.RESET_ON)
    seen['power_after'] = until('power', lambda: refreshed(system, lambda s: s.power_state.value), 'On')
    try:
        system.reset_system(sushy.RESET_ON)
    except sushy.exceptions.HTTPError as refused:
        seen['refused'] = {'status': refused.status_code, 'code': refused.code}

    slot.eject_media()
    until('inserted', lambda: refreshed(slot, lambda s: s.inserted), False)
    seen['ejected'] = {'image': slot.image, 'connected': slot.connected_via.value}

    session.close()
    seen['logged_out'] = session.get_session_resource_id() is None
    json.dump(seen, sys.stdout)


main(*sys.argv[1:])
