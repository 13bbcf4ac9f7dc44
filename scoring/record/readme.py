"""What lies on top of every bundle: how to check it, for whoever has nothing but the file."""

README = """\
# Registros sellados de una fase

Este archivo tiene un registro por cada evaluación puntuada de la fase, en el orden en que se puntuaron. Cada
registro dice de qué se ha sacado su puntuación: los casos con su peso y su nota, los tokens y los tiempos de
cada petición, las ventanas de energía, la política y sus parámetros. No dice el nombre de nadie:
`participation` es el identificador público de la clasificación.

## Comprobarlo con el programa del desafío

Con Python 3.11 o posterior y una copia del código, sin base de datos y sin red:

    python -m scoring verify ARCHIVO.zip
    python -m scoring recompute ARCHIVO.zip

`verify` mira todos los bytes y sigue la cadena; dice «cadena íntegra» y la cabeza, o el primer eslabón roto.
`recompute` vuelve a calcular cada puntuación y dice el primer campo que no sale igual; si faltan los flancos
de un contador, dice que esa energía es la que pone el registro. Compara la cabeza con la que se publicó en la
web: quien cambie un registro tiene que cambiar todos los que le siguen, y también la cabeza.
Si la fase viene en varios archivos, dalos todos y en su orden: cada uno sigue donde acaba el anterior.

## Comprobarlo a mano

- `manifest.json` nombra cada entrada con su tamaño y su SHA-256: `sha256sum records/*` da lo mismo.
- `records/NNNNNNNN-SHA256.json` es JSON canónico (RFC 8785): el SHA-256 del archivo es el de su nombre, y el
  `previous_sha256` de su interior es el del registro anterior (64 ceros en el primero).
- Calidad: suma de nota por peso, dividida entre la suma de los pesos, con 6 decimales, de las repeticiones de
  `quality_repetitions`. Energía: la mediana de las ventanas de `energy_repetitions`, en milijulios.
- Cuentan todas las repeticiones cuya ventana vale, y la calidad sale de la primera: nadie elige. `protocol`
  dice cuántas y cuánto tiempo se pedían, y lo que gastó la carga de referencia antes y después.
- Un caso privado es una huella: SHA-256 de la sal (32 bytes), la palabra `case`, un byte cero y el texto del
  caso. La sal y los textos están en `disclosure.json` cuando la fase publica sus casos. Las huellas de las
  respuestas y de lo enviado se hacen igual, con las palabras `answer` y `content`; `docs/energy.md` dice con
  qué partes.
- `answers/` tiene las respuestas del modelo, y `evidence/` los archivos que los registros nombran por su
  SHA-256 (flancos de un contador, calibraciones), si se publican.
"""
