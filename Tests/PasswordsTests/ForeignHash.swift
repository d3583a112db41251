import Testing

/// A hash that another system made.
struct ForeignHash: Sendable, CustomTestStringConvertible {
    let origin: String
    let password: String
    let text: String

    init(_ origin: String, _ password: String, _ text: String) {
        self.origin = origin
        self.password = password
        self.text = text
    }

    var testDescription: String { origin }

    // Each was printed by the release of the package that is named, for the password beside it.
    static let all = [
        ForeignHash(
            "Django 5.2.19 pbkdf2_sha256", "Tr0ub4dor & 3 Pferde",
            "pbkdf2_sha256$1000000$FmKxegaJYVmT9h1HvF4P0k$5v0KHgqPDmRR0Y+oOgRhTuw5qdEJMgchZWaAN/28CGI="),
        ForeignHash(
            "Django 5.2.19 pbkdf2_sha1", "Tr0ub4dor & 3 Pferde", "pbkdf2_sha1$1000000$cG5WXaQYv5isS5UQZeLA0b$Z0/Fz+bmTWnuctfXPtIKoMx+W4I="),
        ForeignHash(
            "Django 5.2.19 argon2", "Tr0ub4dor & 3 Pferde",
            "argon2$argon2id$v=19$m=102400,t=2,p=8$RjlXRHRhQjN4ZzNhcUIzN25RY1hZbw$cZPDlXXQvY6ikgnifBFqUDStIN6eTc298qVtl4DoKiY"),
        ForeignHash(
            "Django 5.2.19 bcrypt_sha256", "Tr0ub4dor & 3 Pferde",
            "bcrypt_sha256$$2b$12$jUYYIBoaOqjpAuOxF07MU.m.6osYgd2wj7VzYSkrP6WHOF.K8tgSq"),
        ForeignHash("Django 5.2.19 bcrypt", "Tr0ub4dor & 3 Pferde", "bcrypt$$2b$12$AmoIF7F7Q2Ique3NpIzTjePCuC3wqHeR4BE/xXmH3rgv2LLkx006u"),
        ForeignHash(
            "Django 5.2.19 scrypt", "Tr0ub4dor & 3 Pferde",
            "scrypt$16384$2M53dR28UM5Ew9Cw2UZT3Y$8$5$RSIxaQnyRZALtjJ8QeAn6Vdz1Adi8ZXVpM+7XDprxeXttQoH1cby+zAND7toSxgWzpLayeRpkXgdtHT8ufblrg=="
        ),
        ForeignHash(
            "Werkzeug 3.1.9 scrypt", "Tr0ub4dor & 3 Pferde",
            "scrypt:32768:8:1$m8bCWoHEAxzrL023$1c3508524605d363537bc8eea1e9b2c1685821f470b999a6d46b70691b8130b990c0825a0076be4a02b27e42415b38b0eba3fa697410448212bfc3db479ae767"
        ),
        ForeignHash(
            "Werkzeug 3.1.9 pbkdf2", "Tr0ub4dor & 3 Pferde",
            "pbkdf2:sha256:1000000$Ei6bRfx6LpExYQzY$f95e642c8607c1f0a66c2553bb9a4d828da1c7d6527de8f03fbe423362789a60"),
        ForeignHash(
            "Werkzeug 3.1.9 pbkdf2:sha1:2000", "Tr0ub4dor & 3 Pferde",
            "pbkdf2:sha1:2000$zedm49QIZSfHHTFH$e7a38349e140cb1fb23f4eb24a3e25deb9667e6c"),
        ForeignHash(
            "Werkzeug 3.1.9 pbkdf2:sha512:5000", "Tr0ub4dor & 3 Pferde",
            "pbkdf2:sha512:5000$lusXAcjy3ndyCYuC$a0d21b447512811b32cd8a97223cfa181e8740c1236d5f5d336cd33a2fbbb67ca67a5f346c8ffc2ff39049f504b9101e630175198c15c9ef196b23ced875d425"
        ),
        ForeignHash(
            "Werkzeug 3.1.9 pbkdf2:sha256:260000", "Tr0ub4dor & 3 Pferde",
            "pbkdf2:sha256:260000$aPQIxHbI8jC0wmF2$fc7c8eef8887a3323bd4f915f1da082b50055db0a8631eb8a75c742cdb13aa62"),
        ForeignHash(
            "Werkzeug 3.1.9 scrypt:16384:8:2", "Tr0ub4dor & 3 Pferde",
            "scrypt:16384:8:2$dKWryBCarZPPEHBL$3148b9fbb327fd5b4c5c889c63f569c120d447c6999aca0cfc6e042bed1295b039ce1865e1bf834a216b4302852ebde7c60d21f23408281c083ffbaf9da70b36"
        ),
        ForeignHash("bcrypt 5.0.0", "Tr0ub4dor & 3 Pferde", "$2b$06$pVwsjrge6HSqNm8.muxphOPLLjlptd9qpqC8Xw48pX7aTWoFZELbq"),
        ForeignHash("bcrypt 5.0.0 2a", "Tr0ub4dor & 3 Pferde", "$2a$05$Ugz/Oe8zxZxmLwwzZbWgY.PbeCj4J.jgKdMCZGkMqEw7djkVOls/i"),
        ForeignHash(
            "passlib 1.7.4 pbkdf2_sha256", "Tr0ub4dor & 3 Pferde",
            "$pbkdf2-sha256$3000$vReCkBKi9J5zbk0JYQyhtA$AOzmfHF3QLhY.Q9Fc1xfdj9EN39Ht0C1ve1vHfWR6uU"),
        ForeignHash(
            "passlib 1.7.4 sha512", "Tr0ub4dor & 3 Pferde",
            "$pbkdf2-sha512$3000$DGFM6Z0z5jwH4NybM0ao9Q$xn3/BO1i335uWfZXtjS7PCtqEQvvyAltfmUIdzXtpH7sQS7zPzRV6qYUGneqr5F4XVvc/.YovG8NdxBY7MoS2g"
        ),
        ForeignHash("passlib 1.7.4 sha1", "Tr0ub4dor & 3 Pferde", "$pbkdf2$3000$kPK.F.IcQ0gJwTjHmHPO.Q$VtQoylQd6myFdQ3CAHMyiesUhPI"),
        ForeignHash(
            "argon2-cffi 25.1.0 default", "Tr0ub4dor & 3 Pferde",
            "$argon2id$v=19$m=65536,t=3,p=4$YY9IO6jQWIGshd2obFgVWw$k68Z8QDrU+GDep5KJVsvbZZQyy8Wg0bqDdNhn3qd3oY"),
        ForeignHash(
            "argon2-cffi 25.1.0, eight lanes", "Tr0ub4dor & 3 Pferde",
            "$argon2id$v=19$m=1024,t=2,p=8$VE9dqcOWOidWRaQ4vzsmzQ$Zg03l3saWpjH3tJ3lvEMWQ"),
        ForeignHash(
            "argon2-cffi 25.1.0, argon2i", "Tr0ub4dor & 3 Pferde",
            "$argon2i$v=19$m=4096,t=3,p=2$B3G1k/WsvVR3oDyyId4X9w$qBwG6rWnp+0zP72Ve/nQzuWI8wcr3ikQQ4596gTBdYs"),
        ForeignHash(
            "argon2-cffi 25.1.0, long hash and salt", "Tr0ub4dor & 3 Pferde",
            "$argon2id$v=19$m=19456,t=2,p=1$HymEEf5x3tGqkcZ5Th3UV0ds01Sq/rsL$ahDQcVHMkfvzwdrr0B4xEsoL2gTS97SqfWOpd2T8igg6TgrqEcI6iOJUUdxWUvinq4PDXJzrMtF4N7CAOL+zpA"
        ),
        ForeignHash(
            "Django 5.2.19 scrypt", "пароль-Ünïcödé-🔐",
            "scrypt$16384$0d1BQuMlCHNzUUunlq9nlx$8$5$z0VU4ugHqoazXPlxNvoyeSm7odluG3RrWCzrx/f9TKcY8Cqj1Z0J/aG9/V77fVkEw5kUP8QfM4Il0TVGc+Fckg=="
        ),
        ForeignHash(
            "Werkzeug 3.1.9 scrypt", "пароль-Ünïcödé-🔐",
            "scrypt:32768:8:1$jiHhplOMVmQHIvGP$500eb0cca4432909753a7a2ec46c091b87c2776b42bc3e07457a418aaca5fae7f06ed740ba3d7d99edd21e22c69498e9094baad098865243452ffc9d48d7d12e"
        ),
        ForeignHash(
            "Werkzeug 3.1.9 pbkdf2:sha1:2000", "пароль-Ünïcödé-🔐",
            "pbkdf2:sha1:2000$pdqu7B3to8Y7GVex$ec60f3df3390e1a1b1364ecd3776654509ca69de"),
        ForeignHash(
            "Werkzeug 3.1.9 pbkdf2:sha512:5000", "пароль-Ünïcödé-🔐",
            "pbkdf2:sha512:5000$abiGcPhUCWAaY6sO$8e2833ecff61c33000e998c7424b4e81fdecfea44d40c51bf47f5a9f2f0c7e905238e6b52b92a47816621c5140290a30de1b13dad7f06d851d7364eb464289bb"
        ),
        ForeignHash(
            "Werkzeug 3.1.9 pbkdf2:sha256:260000", "пароль-Ünïcödé-🔐",
            "pbkdf2:sha256:260000$07FKcSgEqAjTVPpm$77fe1b8c314b4dd4ee365f739de6d57f5323039e788d5ac1b84c637f3d4956c8"),
        ForeignHash(
            "Werkzeug 3.1.9 scrypt:16384:8:2", "пароль-Ünïcödé-🔐",
            "scrypt:16384:8:2$eyvutRyJ1dUucHhx$fab0bc19efe304544c6cb85f881a4e2b8288cf964446431391b1d5c0242860c8ad58f74c404ef89c3bca939e60aefb20cc8f2e4f1252ae13b9663037f27f6b2a"
        ),
        ForeignHash("bcrypt 5.0.0", "пароль-Ünïcödé-🔐", "$2b$06$U.xjjA5Hav1gEqEe8dvuDOkTs4YKAjdSUAs3A8ZYuAwy4TKtUap12"),
        ForeignHash("bcrypt 5.0.0 2a", "пароль-Ünïcödé-🔐", "$2a$05$hwDHvO3o0RfXVTi6KFJqFuSjhZzBvy/ZLXALCk.sHtr4M521MDIPG"),
        ForeignHash(
            "passlib 1.7.4 pbkdf2_sha256", "пароль-Ünïcödé-🔐",
            "$pbkdf2-sha256$3000$6927d45xzhljTMmZM.Ycow$gOus358thJA9W7fBH/5aYMoLuA0q9Y9e2oGfOiKp45A"),
        ForeignHash(
            "passlib 1.7.4 sha512", "пароль-Ünïcödé-🔐",
            "$pbkdf2-sha512$3000$Q2htzfkf4zwn5DznHIOwFg$EXz1zOBo2hHbjD2uH7nMyQLI6mKNgZFRr27gr2rDL1F2I.8a580lhDfCs/lymtUqPcYLeq9RQPIQHJNRRNg5VA"
        ),
        ForeignHash("passlib 1.7.4 sha1", "пароль-Ünïcödé-🔐", "$pbkdf2$3000$uNd6r3WOcW6tFWLMWQvBGA$jMSlBMQYvbdan/JT6dNH5RfTP/s"),
        ForeignHash(
            "argon2-cffi 25.1.0, eight lanes", "пароль-Ünïcödé-🔐",
            "$argon2id$v=19$m=1024,t=2,p=8$1FeSSeqmRotFSEI3o2dvdQ$vlxH0CTxYcNiHYX0IyGV5w"),
        ForeignHash(
            "argon2-cffi 25.1.0, argon2i", "пароль-Ünïcödé-🔐",
            "$argon2i$v=19$m=4096,t=3,p=2$rBo3fM3LDTfIKoV7do//QA$5QnLJmJXRKjSusdDKtpwm6ypraZOK4EnhVDGUL3PAG8"),
        ForeignHash(
            "argon2-cffi 25.1.0, long hash and salt", "пароль-Ünïcödé-🔐",
            "$argon2id$v=19$m=19456,t=2,p=1$T1jYmX52yKlXqVPmL/xq6FBDqKINUhqT$NKFxTp6s4XIyqpdhlcSGAkEKhlKsr6DvJofJPRl1MCqLqs0uQWCZoRlRAvL1tGZ/BUsJX07hOPCZDNZzC1Dp9w"
        ),
        ForeignHash(
            "Werkzeug 3.1.9, empty", "",
            "pbkdf2:sha256:1000$ZMc6bZ9AIGUd741v$3f58c83220d0ffc3ed95ca1983a0ea6821b8cf666d88134aa8e920723d872733"),
        ForeignHash(
            "Django 5.2.19, empty", "", "pbkdf2_sha256$1000000$8i9U7vDXH10xYXSHQXdFiV$yaPKWPayaOTA+iBL7+wmF0ZKMYllGb4wuI/eJFMF6rY="),
        ForeignHash(
            "Django 5.2.19 bcrypt_sha256, 100 characters", String(repeating: "x", count: 100),
            "bcrypt_sha256$$2b$12$4vNeE/5TTzIQx/nhUtuNke0IwzwHnE4JBcfc0zIspJTvmULCnIxci"),
        ForeignHash(
            "bcrypt 5.0.0, 72 bytes", String(repeating: "x", count: 72), "$2b$04$/l274LcItH/YeAcAQYdAN.Qet6JQj0MYiLEFmM4akwvK2fuP1f4rK"),
        ForeignHash(
            "Werkzeug 3.1.9, NUL", "a\0b",
            "pbkdf2:sha256:1000$If7hg00BVUB1ZXQ4$4d85594e96e75ae719defb14afffe5c654f28b180c15a8f83617556eedbdba0a"),
        ForeignHash(
            "argon2-cffi 25.1.0, NUL", "a\0b",
            "$argon2id$v=19$m=64,t=1,p=1$7IGvankYHN0Kb4SOV8XTeQ$l8h6NNIcLZq9g/fEaRvKdegvjNxBgIIkxmNKXsyPHrg"),
    ]
}
