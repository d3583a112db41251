/// What the most used passwords are made of: names, wishes, teams, defaults of devices. Lower case, letters and digits only.
enum CommonWords {
    static let all: Set<[UInt8]> = Set(text.split(whereSeparator: { $0.isWhitespace }).map { Array($0.utf8) })

    /// Rows of keyboards, the alphabet and the digits.
    static let rows: [[UInt8]] = [
        "1234567890", "0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm",
        "azertyuiop",
        "qsdfghjklm", "wxcvbn", "!@#$%^&*()", "1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm",
    ].map { Array($0.utf8) }

    private static let text = """
        password passwords passwort passord passwd pass pass1 passcode passphrase mypassword yourpassword newpassword oldpassword
        thepassword mypass motdepasse contrasena contraseña senha parola haslo hasło wachtwoord losenord lösenord salasana heslo jelszo
        sifre parool kennwort geheim secret secreto secrets topsecret mysecret private hidden
        admin administrator administrador root toor system sysadmin superuser superadmin operator manager master supervisor webmaster
        user username users guest test tester testing test123 testtest demo demouser default example sample temp temporary temp123
        changeme changeit changemenow changethis change letmein letmeinnow letmeinplease openup opensesame sesame open enter enterprise login logon
        signin welcome welcome1 welcomehome welcomeback welcometo hello helloworld hellohello hey goodbye trustno1 trustme trust access
        nothing whatever none null undefined unknown blank empty nopassword nopass iforgot forgot forgotten forget remember rememberme idontknow
        qwerty qwertz azerty qwe asd zxc qwert qwer asdf asdfgh zxcv zxcvbn zxcvbnm qwertyuiop asdfghjkl 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y
        1q2w3e q1w2e3r4 q1w2e3r4t5 1qaz2wsx 1qaz2wsx3edc qazwsx qazwsxedc qweasd qweasdzxc zaq12wsx zaq1xsw2 zaq1 xsw2 1qaz 2wsx 3edc
        abc abc123 abcd abcd1234 abcde abcdef abcdefg abcdefgh a1b2c3 a1b2c3d4 a1b2c3d4e5 aa123456 123abc 123qwe qwe123 asd123 1234qwer
        123 1234 12345 123456 1234567 12345678 123456789 1234567890 123123 123321 654321 987654321 0987654321 111111 000000 666666 777777
        112233 121212 147258369 159753 159357 789456123 741852963 11223344 1122334455 102030 102938 2000 2010 2015 2020 2021 2022 2023 2024 2025
        2026 2027
        love lover lovely loveme loveyou iloveyou iloveu iloveme iluvu ilovegod ilovemyself ilovemom ilovejesus mylove trulove truelove
        forever always together sweetheart sweety sweetie honey baby babygirl babyboy babe darling angel angels princess prince queen king
        kingdom beautiful pretty gorgeous sexy sexygirl sexybitch fuckyou fuckoff fuck fucker bitch asshole bullshit shit dick pussy
        friend friends bestfriend friendship family familia mother father mommy daddy mom dad sister brother lifeisgood mylife life
        happy happiness happyday birthday happybirthday smile sunshine sunflower flower flowers rainbow butterfly butterflies summer spring
        autumn winter monday tuesday wednesday thursday friday saturday sunday january february march april june july august
        september october november december christmas halloween holiday vacation weekend today tomorrow yesterday
        dragon dragons dragonball monkey monkeys tiger tigers lion lions eagle eagles falcon falcons wolf wolves panther bear bears horse
        horses chicken rabbit turtle dolphin dolphins shark spider kitty kitten cat cats dog dogs puppy doggy snoopy garfield scooby
        superman batman spiderman ironman wolverine avengers starwars skywalker darthvader jedi yoda startrek matrix neo terminator
        pokemon pikachu naruto minecraft roblox fortnite zelda nintendo playstation xbox gamer games gaming game warcraft counterstrike
        callofduty hunter killer ninja samurai warrior warriors soldier legend hero wizard magic merlin phantom ghost shadow blackshadow
        thunder lightning storm fire ice snow star stars moon sun sky earth planet universe galaxy
        football soccer baseball basketball hockey tennis golf rugby cricket cowboys yankees lakers steelers patriots redsox packers
        broncos chelsea arsenal liverpool manchester manutd barcelona realmadrid juventus milan inter bayern ronaldo messi beckham jordan
        michael jennifer jessica michelle ashley amanda daniel andrew anthony joshua matthew robert thomas william james john charlie george
        hannah nicole samantha elizabeth alexander alexandra andrea maria martin peter david richard patrick stephanie christopher
        charles jonathan nicholas natasha veronica victoria sabrina vanessa melissa rebecca rachel sophie olivia isabella
        anna ivan sergey dmitry natalia svetlana ali mohamed muhammad ahmed fatima jesus christ jesuschrist god godisgood godislove
        blessed blessing heaven faith hope grace amen allah bismillah
        freedom liberty america american usa england london paris berlin moscow newyork california texas florida boston chicago
        canada australia germany france mexico brasil brazil espana italia india pakistan philippines indonesia ukraine
        computer internet network server database oracle mysql postgres windows microsoft linux ubuntu apple macintosh google facebook
        twitter instagram youtube linkedin samsung nokia android iphone internet1 security secure secured security1 firewall cisco
        router support service helpdesk office business company work job money dollar dollars cash rich million millionaire bitcoin
        coffee chocolate cookie cookies cheese pizza banana orange cherry peach strawberry pepper ginger sugar candy whiskey
        purple yellow green blue black white silver gold golden diamond crystal pink red
        mustang ferrari porsche mercedes corvette camaro harley yamaha honda toyota bmw audi jaguar
        metallica nirvana slipknot eminem beatles elvis rockstar rocknroll guitar music musica dance dancer singer
        maverick access14 thx1138 fender ranger buster bailey maggie cooper jasper tucker bandit chester
        correcthorsebatterystaple correcthorse batterystaple tobeornottobe thequickbrownfox maytheforcebewithyou
        supercalifragilisticexpialidocious theanswer iamthebest iamgroot winteriscoming onceuponatime nevergiveup justdoit carpediem hakunamatata
        my the you our your best new big super cool great good one number no1 first
        """
}
