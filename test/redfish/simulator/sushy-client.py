"""An unmodified python3-sushy against one BMC. Prints one JSON object with what it saw.

usage: sushy-client.py URL USERNAME PASSWORD IMAGE SLOT [CA_FILE]
"""

import json
import sys
import time

import sushy
from sushy import auth
from sushy.resources.manager import virtual_media

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


def media_collections(root, system, managers):
    """Of the System, as later versions of sushy know it, and of the Managers."""
    link = system.json.get('VirtualMedia')
    if link is not None:
        yield virtual_media.VirtualMediaCollection(
            system._conn, link['@odata.id'], redfish_version=system.redfish_version,
            registries=system.registries, root=root)
    for manager in managers:
        if 'VirtualMedia' in manager.json:
            yield manager.virtual_media


def patiently(act):
    """As ironic does around sushy: a refusal because of what went before is repeated for a while."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            return act()
        except sushy.exceptions.HTTPError as refused:
            if refused.status_code not in (400, 409) or time.monotonic() > ends:
                raise
            time.sleep(0.05)


def main(url, username, password, image, slot_name, ca_file=True):
    session = auth.SessionAuth(username, password)
    try:
        root = sushy.Sushy(url, auth=session, verify=ca_file)
        seen = {'session': session.get_session_resource_id()}
    except sushy.exceptions.ResourceNotFoundError:
        session = None
        root = sushy.Sushy(url, auth=auth.BasicAuth(username, password), verify=ca_file)
        seen = {'session': None}

    # Not every System that is listed can be read: a board beside the host has no Actions.
    paths = root.get_system_collection().members_identities
    managers = root.get_manager_collection().get_members()
    seen['systems'] = [path.rsplit('/', 1)[-1] for path in paths]
    seen['managers'] = [member.identity for member in managers]
    system = root.get_system(paths[0])
    seen['serial'] = system.serial_number
    seen['managed_by'] = [manager.identity for manager in system.managers]
    seen['chassis'] = [member.identity for member in root.get_chassis_collection().get_members()]

    collections = [found.get_members() for found in media_collections(root, system, managers)]
    seen['slots'] = [[slot.identity for slot in slots] for slots in collections]
    slot = [slot for slots in collections for slot in slots if slot.identity == slot_name][0]
    seen['media_types'] = [kind.value for kind in slot.media_types or []]
    slot.insert_media(image, inserted=True, write_protected=True)
    until('inserted', lambda: refreshed(slot, lambda s: s.inserted), True)
    seen['inserted'] = {'image': slot.image, 'connected': slot.connected_via.value}

    mode = None if system.boot.mode is None else sushy.BOOT_SOURCE_MODE_UEFI
    system.set_system_boot_options(sushy.BOOT_SOURCE_TARGET_CD, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE,
                                   mode=mode)
    boot = refreshed(system, lambda s: s.boot)
    seen['override'] = {'enabled': boot.enabled.value, 'target': boot.target.value, 'mode': boot.mode and boot.mode.value}

    seen['power_before'] = system.power_state.value
    system.reset_system(sushy.RESET_FORCE_RESTART)
    if boot.enabled == sushy.BOOT_SOURCE_ENABLED_ONCE:
        until('override', lambda: refreshed(system, lambda s: s.boot.enabled.value), 'Disabled')
    patiently(lambda: system.reset_system(sushy.RESET_FORCE_OFF))
    until('power', lambda: refreshed(system, lambda s: s.power_state.value), 'Off')
    patiently(lambda: system.reset_system(sushy.RESET_ON))
    seen['power_after'] = until('power', lambda: refreshed(system, lambda s: s.power_state.value), 'On')
    try:
        system.reset_system(sushy.RESET_ON)
    except sushy.exceptions.HTTPError as refused:
        seen['refused'] = {'status': refused.status_code, 'code': refused.code}

    slot.eject_media()
    until('inserted', lambda: refreshed(slot, lambda s: s.inserted), False)
    seen['ejected'] = {'image': slot.image, 'connected': slot.connected_via.value}

    if session is not None:
        session.close()
        seen['logged_out'] = session.get_session_resource_id() is None
    json.dump(seen, sys.stdout)


main(*sys.argv[1:])
