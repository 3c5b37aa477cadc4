"""Lines of text in many scripts, the same at every run: what the tokenizers' tests feed to both sides."""
import random
import unicodedata

# Letters that words of a script are made of.
SCRIPTS = {
    "latin": "aaabcdeeefghiiijklmnooopqrsttuuvwxyz",
    "accented": "aàáâãäåąbcçćčdďđeéèêëęěfgğhiíìîïıjklłmnñńňoóòôõöøőœpqrřsśšşßtťuúùûüůűvwxyýÿzźżžæðþ",
    "vietnamese": "aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạắằẳẵặấầẩẫậéèẻẽẹếềểễệ",
    "greek": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
    "cyrillic": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўђјљњћџ",
    "georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "armenian": "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "hebrew": "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئةى",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूेैोौं्",
    "tamil": "அஆஇஈஉஊஎஏஐஒஓஔகஙசஞடணதநபமயரலவழளறனாிீுூெேைொோௌ்",
    "thai": "กขคฆงจฉชซญดตถทธนบปผฝพฟภมยรลวศสหอะาิีึืุูเแโใไ่้๊๋์",
    "han": "的一是不了人我在有他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从",
    "kana": "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをんアイウエオカキクケコガギグゲゴパピプペポー",
    "hangul": "가각간갈감강개거건걸검것게겨경고곡골공과관구국군그글기긴길나날남내너네노높는다단달당대도동되된두들등때라람랑래러레로를름리",
    "fullwidth": "ＡＢＣＤＥｆｇｈｉｊ０１２３４５ｶﾞｷﾞ",
    "math": "𝐀𝐁𝐂𝒂𝒃𝒄𝔸𝔹ℂℕℝ²³¹½¼ⅣⅧ①②㎏㎝ﬁﬂ",
}
COMMON = """the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one
you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only
other time new some could these two may first then do any like my now over such our man me even most made after also well did many
don't it's I'm they've we'll he'd isn't USA NASA iPhone McDonald's naïve café résumé co-operate e-mail""".split()
EMOJI = ["😀", "😂", "❤️", "👍🏽", "👨‍👩‍👧‍👦", "🇫🇷", "🇯🇵", "🏳️‍🌈", "✈", "☕", "1️⃣", "🤷‍♀️", "🦄", "🎉"]
SPACES = [" ", " ", " ", " ", " ", " ", "  ", "   ", "\t", "\u00a0", "\u3000", "\u2009", "\u200b", "\u2028", "\r", "\u0085"]
MARKS = list(".,;:!?\"'()[]{}<>-–—…/\\|@#$%^&*_+=~`«»„“”‘’¿¡、。「」・，！？؟،।॥·†‡§¶©®™€£¥₹°±×÷≤≥≠∞√∑∂∫←→↑↓■●★☆♪♥✓")
CONTROLS = ["\u0000", "\u0001", "\u0007", "\u0008", "\u001b", "\u007f", "\u0080", "\u009f", "\u00ad", "\u061c", "\u200c", "\u200d",
            "\u200e", "\u200f", "\u202a", "\u202e", "\u2060", "\ufeff", "\ufff9", "\ufffd", "\ufffe", "\uffff", "\ue000",
            "\U000e0001", "\U000e0041", "\U0010ffff", "\U000f0000"]
COMBINING = ["\u0301", "\u0308", "\u0327", "\u0323", "\u20dd", "\u0345", "\u0591", "\u064b", "\u0651", "\u093c", "\u3099", "\u309a"]


def lines(count, seed=1, controls=True):
    """`count` lines without line feeds; one in a few hundred is empty, very long, or one character again and again."""
    rng = random.Random(seed)
    vocabulary = {name: [_word(rng, letters) for _ in range(600)] for name, letters in SCRIPTS.items()}
    names = list(SCRIPTS)
    out = []
    for number in range(count):
        name = rng.choice(["latin"] * 8 + names)
        kind = rng.random()
        if kind < 0.004:
            line = rng.choice(["", " ", "   ", "\t", "a" * 300, "x" * 90 + " " + "é" * 120, "的" * 120, "😀" * 60, " " * 50 + "a",
                               "0" * 150, "!" * 150, "\u0301" * 40, "ab" * 200])
        else:
            line = _line(rng, vocabulary, names, name, controls)
        out.append(line)
    return out


def _any_character(rng):
    """Of any script. Those that Unicode has assigned since Python's tables were made are left out: what one is depends on the
    age of each library's tables."""
    while True:
        c = chr(rng.choice([rng.randrange(0x20, 0x2fff), rng.randrange(0x3000, 0xd7ff), rng.randrange(0x10000, 0x1ffff)]))
        if unicodedata.category(c) != "Cn":
            return c


def _word(rng, letters):
    return "".join(rng.choice(letters) for _ in range(min(12, 1 + int(rng.expovariate(0.25)))))


def _line(rng, vocabulary, names, name, controls):
    parts = []
    for _ in range(1 + int(rng.expovariate(0.08))):
        p = rng.random()
        if p < 0.35 and name == "latin":
            word = rng.choice(COMMON)
        elif p < 0.88:
            words = vocabulary[name if rng.random() < 0.9 else rng.choice(names)]
            word = words[min(len(words) - 1, int(rng.paretovariate(0.6)) - 1)]
        elif p < 0.93:
            word = rng.choice([str(rng.randrange(10)), str(rng.randrange(100000)), f"{rng.random() * 1000:.2f}", "١٢٣٤", "४५६", "Ⅻ",
                               f"{rng.randrange(2100)}-{rng.randrange(13):02}", "3,141,592"])
        elif p < 0.95:
            word = rng.choice(EMOJI) * rng.choice([1, 1, 1, 2, 3])
        elif p < 0.96:
            word = rng.choice(["https://example.org/a_b?c=d&e=%20f#g", "user.name+tag@example.com", "x = y[0] * (z - 1);", "C:\\dir\\file.txt",
                               "snake_case camelCase", "</div>", "▁▁", "Ġ Ċ", "<unk>", "##ing", "[mask]", "<0x41>"])
        elif p < 0.97:
            word = vocabulary[name][0] + rng.choice(COMBINING) * rng.choice([1, 1, 2])
        elif p < 0.975 and controls:
            word = rng.choice(CONTROLS)
        elif p < 0.98:
            word = _any_character(rng)
        else:
            word = rng.choice(MARKS) * rng.choice([1, 1, 1, 2, 3])
        q = rng.random()
        if q < 0.1:
            word = word.capitalize()
        elif q < 0.14:
            word = word.upper()
        parts.append(word)
        r = rng.random()
        if r < 0.1:
            parts.append(rng.choice(MARKS))
        if r < 0.97:
            parts.append(rng.choice(SPACES) if rng.random() < 0.08 else " ")
    line = "".join(parts)
    if rng.random() < 0.02:  # as text decoded with a wrong or broken encoding
        broken = bytearray(line.encode("utf-8"))
        for _ in range(rng.randrange(1, 4)):
            if broken:
                broken[rng.randrange(len(broken))] = rng.randrange(256)
        line = broken.decode("utf-8", "replace").replace("\n", " ")
    if rng.random() < 0.8:
        line = line.strip()
    return line if controls else line.replace("\u0000", "")


if __name__ == "__main__":
    for text in lines(20):
        print(ascii(text))
