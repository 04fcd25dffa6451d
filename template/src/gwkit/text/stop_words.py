"""Function words of the main languages, and the language of a text by them.

Function words say nothing about a subject: articles, pronouns, prepositions, auxiliary verbs, and
what questions are asked with. Words that also name things, such as *state* or *part*, are not here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["STOP_WORDS", "guess_language"]

_ENGLISH = """
    a about after all also am an and another any anything are aren't as at be because been before
    being between both but by can can't cannot could couldn't did didn't do does doesn't doing don't
    done down during each either ever every exactly explain few find for from further get gets
    getting give given gives go goes got had happen happened happens has have haven't having he help
    hence her here hers him his how however i i'd i'll i'm i've if in instead into is isn't it it's
    its itself just know let let's like long lot made make makes many may maybe me might mine more
    most much must my need needs neither no nor not now of off often on once one only onto or other
    our ours out over own per perhaps please quite rather really same say says see shall she should
    shouldn't show since so some something soon such sure tell than thank thanks that that's the
    their theirs them then there there's these they thing things this those though through thus to
    too under unless until up upon us use used uses using very via want wants was wasn't way ways we
    we're well were weren't what what's when where where's whether which while who who's whom whose
    why will with within without won't work works would wouldn't yes yet you you'd you'll you're
    you've your yours
"""
_GERMAN = """
    aber alle allem allen aller alles als also am an ander andere anderen anderer anderes auch auf
    aus bei beim bekomme bekommen bekommt bin bis bitte brauche brauchen braucht da dabei dafür
    dagegen daher damit danach dann daran darauf darf darin darüber das dass davon dazu dein deine
    dem den denn der deren des dessen dich die dies diese diesem diesen dieser dieses dir doch dort
    du durch dürfen eben ein eine einem einen einer eines einige einigen einiger einiges er erst es
    etwa etwas euch euer für ganz geben gegen gehen geht gemacht genau genug gern gibt habe haben
    habt hat hatte hatten hier hin ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im immer in
    ins irgend ist ja je jede jedem jeden jeder jedes jedoch jemand jene jetzt kann kannst kein
    keine keinem keinen keiner kommen kommt können könnte könnten lange lassen lässt lautet machen
    macht man manche manchmal mehr mein meine meinem meinen meiner mich mir mit mittels muss musst
    müssen nach natürlich neben nein nicht nichts noch nun nur ob oder oft ohne per schon sehr sein
    seine seinem seinen seiner seit selbst sich sie sind so sobald sodass solche soll sollen sollte
    sollten somit sondern sonst sowie statt steht über um und uns unser unsere unserem unseren
    unserer unter viel viele vielen vom von vor wann war waren warum was weder weil welche welchem
    welchen welcher welches wem wen wenig wenn wer werde werden wessen wie wieder wieso wieviel will
    wir wird wo wobei wodurch wofür woher wohin wollen womit woran worauf woraus worin worüber
    worum wovon wozu wurde wurden würde würden zu zum zur zwar zwischen
"""
_FRENCH = """
    a à afin ai ainsi alors an après as au aucun aucune aussi autre autres aux auquel avait avant
    avec avez avoir avons ça car ce ceci cela celle celles celui cent ces cet cette ceux chaque chez
    combien comme comment contre dans de depuis des dès deux devez devoir devrait devrais dois doit
    doivent donc dont du elle elles en encore entre es est et étaient était été être eu eux fait
    faire faites faut fois font grâce il ils je jusqu jusque la là laquelle le lequel les lesquelles
    lesquels leur leurs lors lorsqu lorsque lui ma mais me même mêmes mes moi moins mon ne ni non
    nos notre nous on ont ou où par parce parmi pas pendant peu peut peuvent peux plus plusieurs
    pour pourquoi pouvez pouvoir presque puis puisque qu quand que quel quelle quelles quelque
    quelques quels qui quoi sa sans se sera serait ses si soi soit son sont sous suis sur ta tandis
    te tel telle tes toi ton toujours tous tout toute toutes très trop trouve trouver tu un une va
    vais vers veut veux via voici voilà vont vos votre vous y
"""
_SPANISH = """
    a acerca además al algo algún alguna algunas alguno algunos ambos ante antes aquel aquella
    aquello aquí así aun aún aunque bajo bien cada casi como cómo con conmigo consigo contra cosa
    cosas cual cuál cuáles cualquier cualquiera cuando cuándo cuanta cuánta cuántas cuanto cuánto
    cuántos de debe deben debería debo del demás dentro desde donde dónde dos durante e el él ella
    ellas ello ellos en encontrar entonces entre era eran eres es esa esas ese eso esos esta está
    están estar estas este esto estos fue fueron fuera ha haber había hace hacen hacer haces hacia
    hago han has hasta hay he incluso la las le les lo los luego más me mediante menos mi mis misma
    mismas mismo mismos mucha muchas mucho muchos muy nada ni ningún ninguna no nos nosotros nuestra
    nuestras nuestro nuestros nunca o os otra otras otro otros para pero poco por porque pues puede
    pueden puedes puedo que qué quien quién quienes quiénes quiere quieren quiero sea sean según ser
    será si sí sido siempre sin sino sobre sois solo sólo somos son soy su sus tal también tampoco
    tan tanto te tener tengo ti tiene tienen toda todas todavía todo todos tras tu tú tus u un una
    unas uno unos usted ustedes va van varias varios veces vez vosotros voy y ya yo
"""
_ITALIAN = """
    a abbiamo ad agli ai al alcune alcuni all alla alle allo allora altra altre altri altro anche
    ancora avere aveva c che chi ci ciò ciascuno coi col come con contro cosa così cui da dagli dai
    dal dall dalla dalle dallo degli dei del dell della delle dello dentro deve devo devono di dopo
    dove due durante e è ed era erano essere fa faccio fanno far fare fino fra gli ha hai hanno ho i
    il in io l la le lei li lo loro lui ma mai me meno mentre mi mia mie miei mio molta molte molti
    molto ne negli nei nel nell nella nelle nello nessun nessuna niente noi non nostra nostre nostri
    nostro nulla o od ogni oppure ora per perché però più poco poi posso possiamo possono prima può
    qual quale quali qualche quando quanta quante quanti quanto quasi quella quelle quelli quello
    questa queste questi questo qui quindi sarà se sei sempre senza si sia siamo siete solo sono
    sopra sotto sta stata stati stato su sua sue sugli sui sul sull sulla sulle suo suoi tra troppo
    tu tua tue tuo tutta tutte tutti tutto un una uno va vi via voi volta vostra vostro
"""
_PORTUGUESE = """
    a à ainda alguém algum alguma algumas alguns ambos antes ao aos apenas após aquela aquele aquilo
    as às assim até cada coisa coisas com como contra da das de dela dele deles depois desde dessa
    desse desta deste deve devem devo do dois dos durante e é ela elas ele eles em enquanto entre
    era eram essa essas esse esses esta está estão estar estas este estes eu faço fazem fazer faz
    foi foram fora há isso isto já lhe lhes lo mais mas me mediante meio menos mesma mesmo meu meus
    minha minhas muita muitas muito muitos na nada não nas nem nenhum nenhuma no nos nós nossa nosso
    num numa nunca o onde os ou outra outras outro outros para pela pelas pelo pelos per pode podem
    pois por porém porque posso pouco quais qual qualquer quando quanta quantas quanto quantos quase
    que quê quem se seja sem sempre sendo ser será seu seus si sido são sob sobre sua suas só também
    tal tão te tem têm tenho ter teu toda todas todo todos tu tua tudo um uma umas uns vai vão
    várias vários vez vezes você vocês
"""
_DUTCH = """
    aan af al alle alleen alles als altijd ander andere anders ben bij binnen daar daarom dan dat de
    deze die dit doe doen doet door dus een eens elk elke en enkele er ergens gaan gaat geen geweest
    haar had hadden heb hebben hebt heeft hem hen het hier hij hoe hoelang hoeveel hun iemand iets
    ik in is ja je jij jouw jullie kan kon kunnen kunt maar maak maakt maken mag me meer men met mij
    mijn moet moeten na naar niet niets niks nog nu of om omdat onder ons onze ook op over per rond
    sinds soms staat steeds te tegen ten ter terwijl toch toen tot tussen u uit uw van vanaf vanuit
    veel via voor waar waarmee waarom waarvan wanneer want waren was wat we weer wel welk welke werd
    werden wie wij wil willen word worden wordt zal ze zelf zeer zich zij zijn zo zoals zonder zou
    zouden zulke
"""

STOP_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "en": frozenset(_ENGLISH.split()),
    "de": frozenset(_GERMAN.split()),
    "fr": frozenset(_FRENCH.split()),
    "es": frozenset(_SPANISH.split()),
    "it": frozenset(_ITALIAN.split()),
    "pt": frozenset(_PORTUGUESE.split()),
    "nl": frozenset(_DUTCH.split()),
}
"""Function words by language (ISO 639-1), in small letters; an elided one stands without its
apostrophe."""

_LOOKED_AT = 2_000
_LETTERS = re.compile(r"[^\W\d_]+(?:'[a-z]{1,2}\b)?")


def guess_language(text: str) -> str:
    """Return the language, of those in `STOP_WORDS`, whose function words the text has most of.

    The first 2,000 characters decide; English where there is a tie or no such word.
    """
    words = _LETTERS.findall(text[:_LOOKED_AT].casefold().replace("\u2019", "'"))
    return max(STOP_WORDS, key=lambda each: sum(word in STOP_WORDS[each] for word in words))
