"""What a reader must know to take a hint: where a landmark stands, who does such work, and what a deed says of two people."""

from __future__ import annotations

HOMES = (
    ("the Eiffel Tower", "Paris", "France"), ("the Colosseum", "Rome", "Italy"), ("the Brandenburg Gate", "Berlin", "Germany"),
    ("the Acropolis", "Athens", "Greece"), ("the Charles Bridge", "Prague", "Czechia"),
    ("the Sagrada Familia", "Barcelona", "Spain"), ("Big Ben", "London", "the United Kingdom"),
    ("the Atomium", "Brussels", "Belgium"), ("the Little Mermaid statue", "Copenhagen", "Denmark"),
    ("the Hagia Sophia", "Istanbul", "Turkey"), ("the Taj Mahal", "Agra", "India"),
    ("the Petronas Towers", "Kuala Lumpur", "Malaysia"), ("the Burj Khalifa", "Dubai", "the United Arab Emirates"),
    ("the Golden Gate Bridge", "San Francisco", "the United States"), ("the CN Tower", "Toronto", "Canada"),
    ("the statue of Christ the Redeemer", "Rio de Janeiro", "Brazil"), ("the Temple of Heaven", "Beijing", "China"),
    ("the Senso-ji temple", "Tokyo", "Japan"), ("Table Mountain", "Cape Town", "South Africa"),
    ("the Great Sphinx", "Giza", "Egypt"), ("Bondi Beach", "Sydney", "Australia"), ("Schoenbrunn Palace", "Vienna", "Austria"),
    ("the Fisherman's Bastion", "Budapest", "Hungary"), ("the Rijksmuseum", "Amsterdam", "the Netherlands"),
    ("the Belem Tower", "Lisbon", "Portugal"), ("Wawel Castle", "Krakow", "Poland"),
    ("Saint Basil's Cathedral", "Moscow", "Russia"), ("the Vasa Museum", "Stockholm", "Sweden"),
    ("the Hallgrimskirkja church", "Reykjavik", "Iceland"), ("Wat Arun", "Bangkok", "Thailand"),
    ("the Casa Rosada", "Buenos Aires", "Argentina"), ("the Zocalo square", "Mexico City", "Mexico"),
    ("Gyeongbokgung Palace", "Seoul", "South Korea"), ("the Jemaa el-Fnaa square", "Marrakesh", "Morocco"),
    ("the Azadi Tower", "Tehran", "Iran"), ("the Badshahi Mosque", "Lahore", "Pakistan"),
    ("the Shwedagon Pagoda", "Yangon", "Myanmar"), ("the Boudhanath stupa", "Kathmandu", "Nepal"),
    ("the Suomenlinna fortress", "Helsinki", "Finland"), ("the Jet d'Eau fountain", "Geneva", "Switzerland"),
    ("the Temple Bar pubs", "Dublin", "Ireland"), ("the Vigeland sculpture park", "Oslo", "Norway"),
    ("Diocletian's Palace", "Split", "Croatia"), ("the Kalemegdan fortress", "Belgrade", "Serbia"),
    ("Gediminas' Tower", "Vilnius", "Lithuania"), ("the House of the Blackheads", "Riga", "Latvia"),
    ("Hoan Kiem Lake", "Hanoi", "Vietnam"), ("the walls of Intramuros", "Manila", "the Philippines"),
    ("the Registan square", "Samarkand", "Uzbekistan"), ("the Kaaba", "Mecca", "Saudi Arabia"),
)  # fmt: skip
"""A landmark, the city and the country where it stands. One for each country."""
WORK = (
    ("kneads dough long before sunrise", "a baker"), ("drills and fills teeth all day", "a dentist"),
    ("mends leaking pipes and blocked drains", "a plumber"), ("gathers honey from forty hives", "a beekeeper"),
    ("lands airliners in all weather", "a pilot"), ("defends the accused in court", "a lawyer"),
    ("ties bouquets of roses and tulips", "a florist"), ("slides down a pole when the siren sounds", "a firefighter"),
    ("vaccinates cats, dogs and the odd parrot", "a veterinarian"), ("measures the light of distant galaxies", "an astronomer"),
    ("brushes the soil off Roman pottery", "an archaeologist"), ("spreads mortar and keeps walls straight", "a bricklayer"),
    ("planes oak boards and cuts dovetail joints", "a carpenter"), ("hammers glowing iron on an anvil", "a blacksmith"),
    ("sews suits to measure and shortens trousers", "a tailor"), ("puts new soles on worn boots", "a shoemaker"),
    ("grinds lenses and fits frames on noses", "an optician"), ("cuts chops and minces beef behind a counter", "a butcher"),
    ("hauls nets full of herring aboard", "a fisher"), ("sows wheat and drives a tractor", "a farmer"),
    ("leads a flock from pasture to pasture with two dogs", "a shepherd"), ("stamps due dates and shelves novels", "a librarian"),
    ("passes sentence in a black robe", "a judge"), ("takes out tonsils and appendixes", "a surgeon"),
    ("counts out pills against prescriptions", "a pharmacist"), ("has helped a thousand babies into the world", "a midwife"),
    ("raises a baton before eighty violins and horns", "an orchestra conductor"),
    ("pulls espressos and foams milk", "a barista"), ("closes ledgers and fills in tax returns", "an accountant"),
    ("rewires fuse boxes and replaces sockets", "an electrician"), ("comes down from the roofs black with soot", "a chimney sweep"),
    ("blows a whistle and shows red cards on Sundays", "a referee"), ("pulls rabbits out of a top hat on stage", "a magician"),
    ("prunes hedges and mows other people's lawns", "a gardener"), ("goes underground to dig out coal", "a miner"),
    ("pushes letters through a hundred doors a morning", "a mail carrier"), ("has orbited the Earth for half a year", "an astronaut"),
    ("chisels figures out of marble", "a sculptor"), ("draws floor plans and facades for new towers", "an architect"),
    ("inks anchors and hearts into skin", "a tattoo artist"),
)  # fmt: skip
"""What someone does, and the name of the occupation. One deed for each."""
HOME_HINTS = (
    "From the kitchen window {x} looks out on {it}.",
    "The balcony of {x} faces {it}.",
    "{x} has rooms right across from {it}.",
    "The bus stop of {x} is the one at {it}.",
)
WORK_HINTS = ("{x} {it}.", "By all accounts {x} {it}.", "Year in, year out, {x} {it}.")
RELATIONS = {
    "employer": (
        "{y} pays the salary of {x}.",
        "{x} has to ask {y} for every day off.",
        "{x} signed a contract to be part of the staff of {y}.",
    ),
    "teacher": (
        "{x} learns the cello from {y}.",
        "{y} explains fractions to {x} twice a week.",
        "{y} marks the homework of {x}.",
    ),
    "landlord": (
        "{x} sends {y} the rent on the first of the month.",
        "The rooms that {x} rents belong to {y}.",
    ),
    "barber": (
        "{y} trims the beard and the hair of {x}.",
        "Every six weeks {x} gets a new haircut from {y}.",
    ),
    "biographer": (
        "{y} is writing a book about all that {x} has been through.",
        "{x} tells {y} childhood memories, which will fill two volumes.",
    ),
}
"""By what {y} is to {x}: how it is hinted at. Nobody has two of a kind."""
DEEDS = (
    "lost an umbrella", "found a coin", "missed the tram", "slept badly", "watched a film", "peeled potatoes", "fed the ducks",
    "had a cold", "wrote a postcard", "wore a green scarf", "bought plums", "waited in the rain", "burned the toast",
    "solved a crossword", "danced a little", "ran five miles", "tried on hats", "played chess", "counted swallows", "ate soup",
)  # fmt: skip
TIMES = (
    "on Monday", "on Tuesday", "on Friday", "last week", "in March", "in the autumn", "before supper", "after dark", "at noon",
    "the other day", "on the way back", "once more", "with great care", "without a word", "as usual", "twice in a row",
)  # fmt: skip
FIRST_NAMES = (
    "Ada", "Aiko", "Alma", "Amir", "Anton", "Bela", "Bianca", "Boris", "Bruno", "Carla", "Cem", "Chloe", "Clara", "Cora", "Dana",
    "Dev", "Dora", "Edith", "Elif", "Emil", "Enzo", "Erik", "Esra", "Eva", "Fadi", "Femi", "Finn", "Flora", "Freya", "Gita",
    "Goran", "Greta", "Hana", "Hans", "Hugo", "Ida", "Igor", "Ines", "Ivan", "Jana", "Jonas", "Juan", "Juno", "Kai", "Karim",
    "Katya", "Kemal", "Kira", "Lars", "Lea", "Leon", "Lina", "Luca", "Lucia", "Maja", "Malik", "Marek", "Marta", "Mei", "Mila",
    "Mona", "Nadia", "Naomi", "Nico", "Nils", "Nora", "Olga", "Omar", "Oskar", "Otto", "Pablo", "Paula", "Petra", "Pia", "Quinn",
    "Rafael", "Ravi", "Renata", "Rosa", "Rui", "Sami", "Sara", "Selma", "Simon", "Sofia", "Sven", "Tara", "Tariq", "Teo", "Tessa",
)  # fmt: skip
LAST_NAMES = (
    "Abbas", "Adeyemi", "Almeida", "Bauer", "Berg", "Bianchi", "Brandt", "Byrne", "Castro", "Conti", "Costa", "Dahl", "Demir",
    "Diaz", "Duarte", "Evans", "Farkas", "Fischer", "Fuentes", "Garcia", "Grant", "Haddad", "Hall", "Hansen", "Horvat", "Ito",
    "Jansen", "Kaya", "Keller", "Kim", "Klein", "Kovacs", "Larsen", "Lindqvist", "Lopez", "Mancini", "Meyer", "Moreau", "Murphy",
    "Nagy", "Nguyen", "Novak", "Okafor", "Olsen", "Ortiz", "Park", "Petrov", "Pinto", "Rao", "Reyes", "Ricci", "Rossi", "Sato",
    "Schmidt", "Sharma", "Silva", "Sokolov", "Suzuki", "Tanaka", "Varga", "Vega", "Weber", "Wolf", "Yilmaz",
)  # fmt: skip
