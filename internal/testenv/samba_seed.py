# Makes an Active Directory domain and fills it with the people that the tests want, while no
# server runs. Arguments: the folder, and the passwords of the administrator, of people and of
# service accounts.
import logging
import os
import sys

import ldb
from samba import dsdb
from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_pack, ndr_unpack
from samba.param import LoadParm
from samba.provision import FILL_FULL, provision
from samba.samdb import SamDB

folder, admin_word, word, service_word = sys.argv[1:]
logging.basicConfig(stream=sys.stdout, level=logging.WARNING)
lp = LoadParm()
lp.set("log file", os.path.join(folder, "log"))
lp.set("ldb:nosync", "true")
# Unlike the command, this leaves out the access lists of files, which need a file system and
# rights that a container may lack. No files are served here.
db = provision(
    logging.getLogger(), system_session(), smbconf=None, targetdir=folder, samdb_fill=FILL_FULL, lp=lp,
    realm="AD.EXAMPLE.TEST", domain="ADEX", hostname="dc1", hostip="127.0.0.1", adminpass=admin_word,
    serverrole="dc", dns_backend="NONE", dom_for_fun_level=dsdb.DS_DOMAIN_FUNCTION_2008_R2, skip_sysvolacl=True,
    backend_store="tdb").samdb
base = str(db.domain_dn())
long_ago = str(116444736000000000 + 946684800 * 10**7)  # 1 January 2000
people, services, settings = "OU=People," + base, "OU=Services," + base, "CN=Password Settings Container,CN=System," + base
where = {}  # login: DN

NORMAL, DISABLED = 0x200, 0x2


def add(dn, **attributes):
    db.add(dict({"dn": ldb.Dn(db, dn)}, **attributes))


def set_(dn, name, *values):
    m = ldb.Message(ldb.Dn(db, dn))
    m[name] = ldb.MessageElement(list(values), ldb.FLAG_MOD_REPLACE, name)
    db.modify(m)


def person(login, under=people, name=None, password=word, control=NORMAL, **more):
    name = name or login[:1].upper() + login[1:] + " Example"
    dn = ldb.Dn(db, under)
    dn.add_child("CN=x")
    dn.set_component(0, "CN", name)
    attributes = {
        "objectClass": "user", "sAMAccountName": login, "userPrincipalName": login + "@ad.example.test",
        "displayName": name, "unicodePwd": ('"%s"' % password).encode("utf-16-le"),
        "userAccountControl": str(control)}
    if password == word:
        attributes["mail"] = login + "@example.test"
    attributes.update(more)
    where[login] = str(dn)
    add(where[login], **attributes)


def group(name, *members):
    dn = "CN=%s,OU=Groups,%s" % (name, base)
    add(dn, objectClass="group", sAMAccountName=name, member=[where[m] for m in members])
    where[name] = dn


def settings_object(name, precedence, applies, **more):
    """A password settings object; times are in 100 ns, negative."""
    never, half_hour = str(-2**63), str(-30 * 60 * 10**7)
    attributes = {
        "msDS-PasswordSettingsPrecedence": str(precedence), "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
        "msDS-PasswordHistoryLength": "3", "msDS-PasswordComplexityEnabled": "TRUE", "msDS-MinimumPasswordLength": "8",
        "msDS-MinimumPasswordAge": "0", "msDS-MaximumPasswordAge": never, "msDS-LockoutThreshold": "3",
        "msDS-LockoutDuration": half_hour, "msDS-LockoutObservationWindow": half_hour}
    attributes.update({"msDS-" + k: v for k, v in more.items()})
    add("CN=%s,%s" % (name, settings), objectClass="msDS-PasswordSettings",
        **dict(attributes, **{"msDS-PSOAppliesTo": where[applies]}))


def allow(dn, aces):
    """Puts entries at the front of an access list."""
    sid = security.dom_sid(db.get_domain_sid())
    sd = db.search(dn, scope=ldb.SCOPE_BASE, attrs=["nTSecurityDescriptor"], controls=["sd_flags:1:4"])[0]
    text = ndr_unpack(security.descriptor, sd["nTSecurityDescriptor"][0]).as_sddl(sid)
    at = text.index("(")
    protect(dn, text[:at] + aces + text[at:])


def protect(dn, sddl):
    """Replaces an access list."""
    sd = security.descriptor.from_sddl(sddl, security.dom_sid(db.get_domain_sid()))
    m = ldb.Message(ldb.Dn(db, dn))
    m["nTSecurityDescriptor"] = ldb.MessageElement(ndr_pack(sd), ldb.FLAG_MOD_REPLACE, "nTSecurityDescriptor")
    db.modify(m, controls=["sd_flags:1:4"])


def sid(login):
    r = db.search(where[login], scope=ldb.SCOPE_BASE, attrs=["objectSid"])[0]
    return db.schema_format_value("objectSid", r["objectSid"][0]).decode()


db.transaction_start()

minutes = -60 * 10**7
for name, value in {"pwdHistoryLength": 5, "minPwdAge": 0, "maxPwdAge": -2**63, "minPwdLength": 8, "pwdProperties": 1,
                    "lockoutThreshold": 3, "lockoutDuration": 30 * minutes, "lockOutObservationWindow": 30 * minutes}.items():
    set_(base, name, str(value))

for dn in (people, "OU=Berlin," + people, services, "OU=Groups," + base, "OU=Elsewhere," + base):
    add(dn, objectClass="organizationalUnit")

for login in ("alice", "bob", "carol", "erin", "frank", "ivy", "mona", "nick", "oscar", "rita", "jurgen", "jürgen", "michael", "mıchael"):
    person(login)
person("heidi", mail="shared@example.test")
person("ivan", mail="shared@example.test")
person("dave", under="OU=Berlin," + people)
person("judy", control=NORMAL | DISABLED)
person("karl", accountExpires=long_ago)
person("lena", pwdLastSet="0")
person("peter", logonHours=bytes(21))  # never
person("o'neil", name='O\'Neil, Paul (x) * \\ #1 "q" <é>')
person("quinn", under="OU=Elsewhere," + base)
for login in ("svc-postern", "svc-half", "svc-weak"):
    person(login, under=services, name=login, password=service_word, control=NORMAL | 0x10000)

group("helpdesk", "alice", "bob")
group("berlin", "dave")
group("staff", "berlin", "carol")
admins = "CN=Domain Admins,CN=Users," + base
m = ldb.Message(ldb.Dn(db, admins))
m["member"] = ldb.MessageElement(where["oscar"], ldb.FLAG_MOD_ADD, "member")
db.modify(m)

settings_object("vip", 10, "carol", MinimumPasswordLength="14")
settings_object("brief", 20, "mona", MaximumPasswordAge=str(-30 * 86400 * 10**7))
settings_object("young", 30, "nick", MinimumPasswordAge=str(-998 * 86400 * 10**7))

# What the administrator of a domain delegates: on users below OU=People the extended right Reset
# Password, and reading and writing lockoutTime and pwdLastSet.
read_all = "(A;CI;LCRPLORC;;;%s)" % sid("svc-postern")
allow(settings, read_all)
user = "bf967aba-0de6-11d0-a285-00aa003049e2"
for login, properties in (("svc-postern", True), ("svc-half", False)):
    aces = "(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;%s;%s)" % (user, sid(login))
    if properties:
        for attribute in ("28630ebf-41d5-11d1-a9c1-0000f80367c1", "bf967a0a-0de6-11d0-a285-00aa003049e2"):
            aces += "(OA;CIIO;RPWP;%s;%s;%s)" % (attribute, user, sid(login))
    allow(people, aces)

# What a domain controller does every hour to those whom AdminSDHolder guards.
full = "CCDCLCSWRPWPDTLOCRSDRCWDWO"
protect(where["oscar"], "D:PAI(A;;%s;;;SY)(A;;%s;;;DA)(A;;%s;;;EA)(A;;%s;;;BA)(A;;LCRPLORC;;;AU)"
        "(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)(OA;;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;;PS)" % (full, full, full, full))
set_(where["oscar"], "adminCount", "1")

# "User cannot change password", as the management console writes it.
change = "ab721a53-1e2f-11d0-9819-00aa0040529b"
allow(where["rita"], "(OD;;CR;%s;;WD)(OD;;CR;%s;;PS)" % (change, change))

m = ldb.Message(ldb.Dn(db, where["mona"]))
m["pwdLastSet"] = ldb.MessageElement(long_ago, ldb.FLAG_MOD_REPLACE, "pwdLastSet")
db.modify(m, controls=["local_oid:" + dsdb.DSDB_CONTROL_BYPASS_PASSWORD_HASH_OID + ":0"])  # lets any time through

db.transaction_commit()
