/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of column and table names: groups of words with what they do, and the sequences of
 * words in normal form that name something sensitive (or harmless, hiding what is inside).
 * Tables only; see vocab.c for the lookup and name.c for the decision.
 */
#include "detect/lexicon.h"

#include "detect/detect.h"
#include "detect/vocab.h"

const struct lex_group lex_groups[] = {
	{W_VETO,
		"count cnt counter flag required verified enabled disabled type status state "
		"class format plate url uri link at template domain provider opt optin optout "
		"in out sent consent consented notification notify frequency subject expire "
		"expired expiry expiration changed updated created modified deleted strength "
		"policy attempt network present version range length len size limit min max "
		"width country model brand os category kind mode level score rate ratio pct "
		"percent percentage allowed confirmed validated valid invalid bounced active "
		"inactive preference pref subscription subscribed unsubscribed language locale "
		"lang prefix suffix extension group field label date time timestamp ts "
		"datetime day hour minute month year error failure failed retry total sum avg "
		"average question method scheme algorithm algo alg round iteration regex "
		"pattern masked icon image path file folder dir index idx order seq sequence "
		"position rank color queue job task campaign list ids ref schema table column "
		"role name code currency unit quantity qty interval ttl timeout period issued "
		"issuer source channel priority reset due quota usage used tier plan visible "
		"hidden shown public placeholder encoding charset hit "
		"miss by verification validation confirmation delivery marketing permission "
		"scope grant granted delivered opened clicked read seen blocked locked lockout "
		"tag setting config configuration stage result check checked checking id guid "
		"uuid match matched trend change book screen app operator carrier manufacturer "
		"vendor capability support supported bin bank"},
	{W_ASK,
		"is has can num allow allows require requires enable disable show hide send "
		"use uses need needs should must was were did does count max min avg average "
		"wants want receive receives accept accepts sends validate verify "
		"opted supports days hours"},
	{W_PERSON,
		"customer user person employee staff member patient contact author doctor "
		"physician student teacher driver guest passenger subscriber lead candidate "
		"applicant borrower recipient profile beneficiary resident citizen voter "
		"guardian spouse friend player participant attendee holder cardholder "
		"owner buyer seller donor volunteer caller visitor nurse "
		"landlord insured policyholder payer payee sender receiver signer signatory "
		"manager supervisor assignee reporter requester instructor agent "
		"representative consultant individual people prospect shopper "
		"dependent relative sibling mother father billing shipping debtor "
		"creditor witness referrer crew pilot athlete survivor "
		"suspect inmate prisoner victim"},
	{W_PLACE,
		"store warehouse branch office location hotel restaurant airport station venue "
		"facility shop depot site school hospital city country region state county "
		"place poi landmark building museum park port stop outlet clinic bank atm "
		"sensor reading measurement weather tower cell district continent area zone district"},
	{W_LOG,
		"log access request session connection visit hit http traffic audit login "
		"pageview click nginx apache web event activity attempt flow firewall"},
	{W_COMMS,
		"ticket message chat mail sms comment support conversation complaint incident "
		"feedback inquiry enquiry contact email case helpdesk call transcript letter "
		"correspondence dm note appointment patient visit consultation claim survey "
		"response whatsapp thread reply"},
	{W_PRODUCT,
		"product item catalog catalogue release version build sku category migration "
		"schema config setting article feature plan book movie film song album course "
		"part component asset inventory package dataset table metric job task pipeline "
		"commit repository repo deployment"},
	{W_NOISE,
		"tbl tab dim fact stg staging tmp temp old backup bak archive archived history "
		"hist data info detail master list view export import v t the all new raw copy "
		"my snapshot current cur final clean test demo sample main base mv vw db "
		"public core legacy prod dev row entry record registry directory shadow audit "
		"log"},
	{W_HOLDER,
		"profile account registration identity login credential record membership "
		"biography bio"},
	{W_GENERIC,
		"name number address value val key hash first last middle token secret content "
		"text data street city zip holder expiry birth account line full display code "
		"amount gross net"},
	{0,
		"scorecard postcard cardio passes describes accrues company file host product "
		"event application app "
		"domain brand model tag city country passage message package storage mileage "
		"usage average percentage word post box project team department page button "
		"class bucket object cache foreign primary sort partition routing unique "
		"composite index column device server invoice order shipment tracking payment "
		"reference sequence serial batch lot bank branch home work office mobile "
		"personal business private emergency alternate alt secondary preferred login"},
};
const size_t lex_groups_n = sizeof(lex_groups) / sizeof(lex_groups[0]);

const struct lex_seqs lex_seqs[] = {
	/* harmless, though something sensitive is inside */
	{PII_NONE, 0,
		"public key, primary key, foreign key, last 4, last four, card last, "
		"card brand, web address, memory address, contract address, boarding pass, "
		"season pass, name server, host name, file name, user agent, agent version, "
		"agent name, gift card, sim card, report card, card set, login page, "
		"home page, mobile app, mobile device, mobile version, mobile friendly, account name, "
		"account type, ip pool, ip version, token count, token price, token symbol, "
		"token supply, input token, output token, max token, prompt token, "
		"total token, completion token, address book, phone book, street light, "
		"race id, race condition, race result, race track, commit message, "
		"error message, status message, release note, tasting note, column comment, "
		"table comment, credit note, credit note number, delivery note, "
		"delivery note number, bank note, sex ratio, salary grade, salary band, "
		"pay grade, income tax rate, tax rate, email server, email host, email port, "
		"email box, phone home, driver version, role name, profile name, contact type, "
		"birth rate, ip network, name space"},
	{PII_TEXT, S_TEXTUAL, "private message"},
	{PII_NAME, S_PERSON, "driver name"},
	{PII_NAME, S_TEXTUAL, "owner name"},
	{PII_NAME, 0, "login name"},
	/* names */
	{PII_NAME, 0,
		"first name, last name, middle name, middle initial, given name, family name, "
		"full name, maiden name, birth name, nick name, real name, screen name, "
		"pen name, name first, name last, name on card, card holder, cardholder, "
		"card holder name, account holder, account holder name, next of kin, "
		"contact person, contact name, emergency contact name, emergency name, "
		"name family, ship to name, bill to name, sold to name, "
		"addressee, client name, seller name"},
	{PII_NAME, S_PERSON, "legal name, display name, preferred name, alias, handle"},
	{PII_NAME, S_TEXTUAL,
		"account owner, emergency contact, physician, sales person, sales rep"},
	{PII_NAME, S_WHOLE | S_PERSON | S_TEXTUAL, "first, last"},
	{PII_NAME, S_WHOLE | S_PERSON, "initial"},
	{PII_NAME, S_WHOLE | S_TEXTUAL,
		"author, recipient, patient, beneficiary, spouse, signatory, signer, "
		"instructor, doctor, applicant, attendee, guest, passenger, customer, "
		"employee, payee, payer, donor, witness, manager, supervisor, teacher, "
		"student, person, member, contact, primary contact, login, user"},
	{PII_NONE, 0, "tenant name"},
	{PII_IP, S_WHOLE | S_LOG | S_TEXTUAL, "client"},
	{PII_OTHER, S_PERSON, "signature, twitter, telegram, linkedin, facebook, instagram"},
	{PII_OTHER, 0, "skype, twitter handle"},
	/* electronic addresses */
	{PII_EMAIL, 0, "email, email address, e post"},
	{PII_EMAIL, S_TEXTUAL, "email id"},
	{PII_TEXT, S_TEXTUAL, "email body, email text, email content"},
	{PII_OTHER, 0, "email hash, imei, imsi, iccid, mac address, idfa, gaid, advertising id"},
	{PII_PHONE, 0,
		"phone, mobile, fax, msisdn, whatsapp, landline, gsm, contact number, "
		"cell number, cell phone, pager, caller number, callback number, "
		"mobile number, phone number"},
	{PII_PHONE, S_PERSON, "cell"},
	{PII_PHONE, S_TEXTUAL, "caller id"},
	/* where a person lives or is */
	{PII_ADDRESS, S_PRIVATE,
		"address, street, street address, street name, apartment, address line, "
		"residence, domicile"},
	{PII_ADDRESS, S_PRIVATE | S_SMALLINT, "house number, postal code, postal, zip, zip code"},
	{PII_ADDRESS, 0, "home town, hometown, birth place, birth city, place of birth"},
	{PII_DEMOGRAPHIC, 0, "birth country"},
	{PII_ADDRESS, S_WHOLE | S_TEXTUAL, "ship to, bill to"},
	{PII_ADDRESS, S_PERSON | S_WHOLE | S_TEXTUAL, "city"},
	{PII_GEO, S_PRIVATE, "latitude, longitude, coordinate, gps, geo location"},
	{PII_GEO, S_PERSON | S_WHOLE, "location, geo"},
	{PII_GEO, 0, "last location, home location"},
	{PII_GEO, S_PERSON, "current location"},
	{PII_IP, 0,
		"ip, ip address, remote address, peer address, forwarded for, x forwarded, "
		"client ip"},
	{PII_IP, S_LOG,
		"client address, remote host, client host, source address, "
		"destination address"},
	{PII_IP, S_LOG | S_WHOLE | S_TEXTUAL, "visitor, remote"},
	{PII_NONE, 0, "server ip, server ip address"},
	/* birth, demography */
	{PII_BIRTH, 0,
		"birth date, date of birth, year of birth, birth year, month of birth, "
		"birth month, birth day, birth, born, date birth, date of death"},
	{PII_DEMOGRAPHIC, S_PERSON | S_WHOLE, "age"},
	{PII_DEMOGRAPHIC, 0,
		"gender, sex, ethnicity, ethnic group, ethnic origin, religion, religious, "
		"nationality, citizenship, marital status, marital, sexual orientation, "
		"political affiliation, union membership, caste, mother tongue, civil status"},
	{PII_DEMOGRAPHIC, S_PERSON, "race, political party, pronoun"},
	/* identity documents and numbers */
	{PII_NATIONAL, 0,
		"ssn, social security, social insurance, social number, national insurance, "
		"ni number, nin, sin number, tax id, tax number, tax identification, "
		"tax payer, taxpayer, tax file number, tfn, itin, national id, "
		"national number, national identity, national identification, personal id, "
		"personal number, personal code, personal identification, identity number, "
		"identity card, identity document, id card, id card number, id document, "
		"government id, gov id, passport, passport id, visa number, residence permit, "
		"driver license, driver license id, dl number, voter id, cpf, dni, nie, nif, "
		"curp, pesel, bsn, cnp, cpr, cpr number, aadhaar, aadhar, codice fiscale, "
		"personnummer, fodselsnummer, hetu, egn, jmbg, oib, nss, cuil, nric, hkid, "
		"nhs number, medicare number, medicare id, health insurance, insurance number, "
		"mrn, medical record number, alien number, green card, military id, "
		"tax id number"},
	{PII_NATIONAL, S_PERSON,
		"sin, tax code, national code, id number, identification number, "
		"license number, rfc"},
	{PII_NATIONAL, S_PERSON | S_WHOLE, "nhs"},
	{PII_NATIONAL, S_WHOLE | S_TEXTUAL, "medicare"},
	{PII_NATIONAL, S_TEXTUAL, "insurance id"},
	{PII_OTHER, 0, "biometric, face embedding, face encoding, voice print, iris scan"},
	{PII_OTHER, S_PERSON, "finger print, fingerprint"},
	/* money */
	{PII_CARD, 0,
		"card number, credit card, debit card, credit card number, payment card, "
		"card pan, pan, primary account number, card data, card track"},
	{PII_CARD, S_WHOLE | S_TEXTUAL, "card"},
	{PII_CARD, S_SMALLINT,
		"cvv, card security code, card verification, card verification code, "
		"card code, card expiry, card expiry date, "
		"card expiry month, card expiry year, credit card expiry, "
		"credit card expiry date, card expiry month, card expiry year"},
	{PII_CARD, S_TEXTUAL, "track 2"},
	{PII_SECRET, 0, "card token"},
	{PII_IBAN, 0,
		"iban, iban code, iban number, bank account, bank account number, account iban, routing number, "
		"sort code, clabe, bban"},
	{PII_IBAN, S_NOTPRODUCT, "account number"},
	{PII_IBAN, S_TEXTUAL, "direct debit"},
	{PII_NONE, 0,
		"ledger account number, gl account number, ledger account, gl account, "
		"operating income, income statement"},
	{PII_MONEY, 0,
		"salary, wage, income, compensation, base pay, gross pay, net pay, pay rate, "
		"net worth, credit score, fico, annual earning, payroll, payslip, "
		"wage per hour, wage per month, salary per month, salary per year, salary amount, "
		"annual income, annual salary, household income"},
	{PII_MONEY, S_PERSON,
		"bonus, hourly rate, commission, earning, net income, stock option"},
	/* health */
	{PII_HEALTH, 0,
		"diagnosis, diagnosis code, icd, icd code, icd 10 code, prescription, allergy, "
		"blood type, blood group, blood pressure, medical condition, symptom, "
		"disability, hiv, hiv status, hiv result, disease, illness, medical history, "
		"medical note, clinical note, health status, health condition, pregnant, "
		"pregnancy, pregnancy status, vaccination status, bmi, smoker, lab result, "
		"smoking status"},
	{PII_HEALTH, S_NOTPRODUCT, "medication"},
	{PII_HEALTH, S_PERSON | S_WHOLE, "condition, weight, height"},
	{PII_HEALTH, S_PERSON,
		"treatment, vaccination, test result, procedure code, genome, dna"},
	/* secrets */
	{PII_SECRET, 0,
		"password, password hash, password reset token, password reset key, "
		"mot de password, password key, pass hash, pass word, pass phrase, pin hash, "
		"secret, secret key, secret value, secret code, secret hash, secret data, "
		"secret content, token, token hash, token value, token key, token data, "
		"api key, api secret, api key hash, api key value, access key, private key, "
		"encryption key, encrypted key, signing key, signing secret, ssh key, "
		"hmac key, aes key, master key, rsa key, pgp key, gpg key, license key, "
		"product key, activation key, activation code, auth key, auth code, "
		"auth string, authentication string, session key, session token, "
		"session secret, reset key, reset token, webhook key, webhook secret, "
		"security answer, secret answer, recovery code, recovery key, backup code, "
		"recovery phrase, seed phrase, wallet key, salt, otp secret, credential, "
		"jwt token, cookie, connection string, conn str, connstr, conninfo, "
		"subconninfo, bcrypt, argon, scrypt, bearer, user hash, key hash, "
		"credential value, credential data, credential key, credential hash, keystore, "
		"umoption, authorization header, kek, dek, key material, magic link"},
	{PII_SECRET, S_SMALLINT,
		"password reset code, pin code, pin number, card pin, reset code, "
		"security code, verification code, otp, otp code, totp, one time code"},
	{PII_SECRET, S_WHOLE | S_TEXTUAL, "pass"},
	{PII_SECRET, S_TEXTUAL,
		"user pass, db pass, login pass, admin pass, smtp pass, ftp pass, "
		"access key id, host key, mnemonic, mfa, two factor, pem, dsn"},
	{PII_SECRET, S_WHOLE | S_SMALLINT, "pin"},
	{PII_NONE, 0, "secret name, ssh public key"},
	{PII_SECRET, S_SMALLINT | S_PERSON, "confirmation code"},
	{PII_SECRET, S_PERSON, "pepper, invite code, crypt"},
	{PII_SECRET, S_WHOLE | S_PERSON, "hash"},
	{PII_SECRET, S_LOG | S_WHOLE | S_TEXTUAL, "authorization"},
	/* free text and documents */
	{PII_TEXT, S_TEXTUAL | S_NOTPRODUCT, "note, comment"},
	{PII_TEXT, S_TEXTUAL | S_COMMS | S_WHOLE, "message, text, content, description"},
	{PII_TEXT, S_TEXTUAL,
		"message body, message text, message content, payload, transcript, "
		"request body, response body, raw request, raw response, raw body, feedback, "
		"complaint, resolution note, special instruction, delivery instruction, "
		"cover letter, internal note"},
	{PII_TEXT, S_TEXTUAL | S_COMMS, "body, letter, detail"},
	{PII_TEXT, S_TEXTUAL | S_PERSON, "bio, biography, resume"},
	{PII_TEXT, S_TEXTUAL | S_PERSON | S_WHOLE, "about"},
};
const size_t lex_seqs_n = sizeof(lex_seqs) / sizeof(lex_seqs[0]);
